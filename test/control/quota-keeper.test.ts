/** Quotas over restarts, of keys with a slot and of those that found the table full. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { QuotaKeeper } from '../../src/control/quota-keeper.ts'
import { QuotaSketchRows } from '../../src/control/store/quota-sketch.ts'
import { QuotaCounts } from '../../src/control/store/quotas.ts'
import { Store } from '../../src/control/store/store.ts'
import { KeyHash } from '../../src/memory/hash.ts'
import { newVerdict } from '../../src/memory/limit-table.ts'
import { QuotaTable, type Quota } from '../../src/memory/quota-table.ts'
import { allocateShared, quotaSeed, quotaSlots } from '../../src/memory/shared.ts'
import type { Log } from '../../src/observe/log.ts'

/** 1,024 of them are for quotas of strangers. */
const SLOTS = 1 << 13
const MONTHLY: Quota = { count: 20, per: 'month', cost: 1 }
const USED = 13
/** A third of them find no slot. */
const KEYS = 1500

const folder = (t: Test): string => {
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-state-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** One run of a gateway, as far as quotas go. */
class Run {
  readonly notes: string[]
  readonly store: Store
  readonly #keeper: QuotaKeeper
  readonly #table: QuotaTable
  readonly #hash: KeyHash
  readonly #verdict = newVerdict()

  private constructor(store: Store, keeper: QuotaKeeper, table: QuotaTable, hash: KeyHash, notes: string[]) {
    this.store = store
    this.#keeper = keeper
    this.#table = table
    this.#hash = hash
    this.notes = notes
  }

  static async begin(stateDir: string, limitSlots = SLOTS): Promise<Run> {
    const notes: string[] = []
    const log = (): Log => ({ warn: (text: string) => void notes.push(text) }) as unknown as Log
    const memory = allocateShared({ workers: 1, limitSlots, ringBytes: 1 << 16 })
    const store = await Store.open({ stateDir, onNote: () => {} })
    const keeper = await QuotaKeeper.open({
      memory,
      counts: new QuotaCounts(store),
      sketch: new QuotaSketchRows(store),
      log
    })
    const table = new QuotaTable(memory.quotas.strangers, quotaSlots(memory))
    return new Run(store, keeper, table, new KeyHash(quotaSeed(memory)), notes)
  }

  admitted(key: number, tries: number): number {
    let n = 0
    this.#hash.of(`key ${key}`, this.#hash.domain('test'))
    for (let i = 0; i < tries; i++) {
      this.#table.take(this.#hash.lo, this.#hash.hi, MONTHLY, this.#verdict)
      if (this.#verdict.admitted) n++
    }
    return n
  }

  get fill(): number {
    return this.#table.fill()
  }

  /** What had been looked at is kept; nothing is said at the end, as when a process is killed. */
  async killed(): Promise<void> {
    this.#keeper.flush()
    await this.store.close()
  }
}

/** A table that is full, and keys beyond it. */
async function crowd(dir: string, limitSlots = SLOTS): Promise<void> {
  const run = await Run.begin(dir, limitSlots)
  for (let key = 0; key < KEYS; key++) run.admitted(key, USED)
  await run.killed()
}

for (const [what, slots] of [
  ['as large', SLOTS],
  ['a fourth', SLOTS / 4],
  ['four times', SLOTS * 4]
] as const) {
  t.test(`a full table, and one ${what} after the restart: nobody gets a quota anew`, async (t) => {
    const dir = folder(t)
    const first = await Run.begin(dir)
    for (let key = 0; key < KEYS; key++) first.admitted(key, USED)
    t.ok(first.fill > 0.98, 'the table is full')
    await first.killed()
    const second = await Run.begin(dir, slots)
    const admitted = Array.from({ length: KEYS }, (_, key) => second.admitted(key, MONTHLY.count))
    t.equal(Math.max(...admitted), MONTHLY.count - USED)
    const rest = admitted.filter((n) => n === MONTHLY.count - USED).length
    if (slots >= SLOTS) t.ok(rest > KEYS * 0.98, `${rest} of ${KEYS} got all that was left to them`)
    t.same(second.notes, [])
    await second.killed()
    const third = await Run.begin(dir)
    const more = Array.from({ length: KEYS }, (_, key) => third.admitted(key, MONTHLY.count))
    more.forEach((n, key) => {
      if (n + (admitted[key] ?? 0) > MONTHLY.count - USED) t.fail(`key ${key} got ${n} more in the first size again`)
    })
    await third.killed()
  })
}

t.test('pages of another version and damaged ones are said and left out; the rest holds', async (t) => {
  const dir = folder(t)
  await crowd(dir)
  const store = await Store.open({ stateDir: dir, onNote: () => {} })
  const [{ first, last } = {}] = await store.rows('SELECT min(page) AS first, max(page) AS last FROM quota_sketch')
  store.write('quota_sketch', 'damage', 'UPDATE quota_sketch SET words = ? WHERE page = ?', [
    new Uint8Array(13),
    first ?? null
  ])
  store.write('quota_sketch', 'version', 'UPDATE quota_sketch SET layout = ? WHERE page = ?', [99, last ?? null])
  await store.close()
  const run = await Run.begin(dir)
  t.match(run.notes, [/^quotas kept by another version/, /^damaged counts of quotas are left out/])
  const anew = Array.from({ length: KEYS }, (_, key) => run.admitted(key, MONTHLY.count)).filter((n) => n > 7).length
  t.ok(anew > 0 && anew < KEYS, `${anew} of ${KEYS}`)
  await run.killed()
})
