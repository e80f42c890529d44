import t from 'tap'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KeyStore } from '../../../src/control/keys/key-store.ts'
import { eventually } from '../../e2e/visitors.ts'
import { issuerPlan, NOW } from '../../identity/kit.ts'
import type { IssuerPlan, JwksPlan } from '../../../src/plan/issuer.ts'
import type { KeySet } from '../../../src/plan/keys.ts'

const jwk = (kid: string): Record<string, unknown> => ({
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
  kid
})
const body = (...kids: string[]): string => JSON.stringify({ keys: kids.map(jwk) })
const URL_PLAN: JwksPlan = { kind: 'url', url: 'https://idp.example/jwks.json' }
const plan = (jwks: JwksPlan = URL_PLAN, more: Partial<IssuerPlan> = {}): IssuerPlan => issuerPlan({ jwks, ...more })

/** A store whose provider, clock and state are the test's. */
class Bench {
  now = NOW
  answer: string | Error = body('a')
  cacheSeconds: number | null = null
  fetched: { url: string; timeout: number; maxBytes: number }[] = []
  readonly sets: KeySet[] = []
  readonly notes: string[] = []
  readonly store: KeyStore
  readonly stateDir: string

  constructor(stateDir: string) {
    this.stateDir = stateDir
    this.store = new KeyStore({
      stateDir,
      clock: () => this.now,
      onKeys: (set) => this.sets.push(set),
      onNote: (level, text) => this.notes.push(`${level} ${text}`),
      fetchJson: async (url, limits) => {
        this.fetched.push({ url, ...limits })
        await new Promise((resolve) => setImmediate(resolve))
        if (this.answer instanceof Error) throw this.answer
        return { body: this.answer, cacheSeconds: this.cacheSeconds }
      }
    })
  }

  /** Asks for new keys as an unknown kid does, and waits until the answer was dealt with. */
  async refetch(): Promise<boolean> {
    const asked = this.store.refetch('corp', this.sets.at(-1)?.version ?? 0)
    await this.store.settled()
    return asked
  }

  get kids(): unknown {
    return this.sets.at(-1)?.keys.map((key) => key.kid)
  }
}

t.test('a first set is fetched within bounds, announced and kept', async (t) => {
  const bench = new Bench(t.testdir())
  await bench.store.start([plan()])
  t.strictSame(bench.fetched, [{ url: 'https://idp.example/jwks.json', timeout: 5000, maxBytes: 1 << 20 }])
  t.match(bench.sets, [{ issuer: 'corp', version: NOW, fetchedAt: NOW }])
  t.strictSame(bench.kids, ['a'])
  t.match(bench.store.status(), [
    { issuer: 'corp', kind: 'url', keys: 1, age: 0, saved: false, error: null, version: NOW }
  ])
  await bench.store.close()
})

t.test('the same keys again are not announced; other keys are, with a higher version', async (t) => {
  const bench = new Bench(t.testdir())
  await bench.store.start([plan()])
  bench.now += 1000
  await bench.refetch()
  t.equal(bench.sets.length, 1)
  t.match(bench.store.status(), [{ age: 0 }])
  bench.answer = body('a', 'b')
  await bench.refetch()
  t.strictSame(bench.kids, ['a', 'b'])
  t.ok((bench.sets[1]?.version ?? 0) > (bench.sets[0]?.version ?? 0))
  await bench.store.close()
})

t.test('versions go up even when the clock goes back', async (t) => {
  const bench = new Bench(t.testdir())
  await bench.store.start([plan()])
  bench.now -= 3_600_000
  bench.answer = body('b')
  await bench.refetch()
  t.equal(bench.sets[1]?.version, NOW + 1)
  await bench.store.close()
})

t.test('garbage and errors never replace good keys', async (t) => {
  const bench = new Bench(t.testdir())
  await bench.store.start([plan()])
  const answers = ['<html>', '{"keys":[]}', '{}', JSON.stringify({ keys: [{ ...jwk('x'), use: 'enc' }] })]
  for (const answer of [...answers, ' '.repeat((1 << 20) + 1), new Error('connect ECONNREFUSED')]) {
    bench.answer = answer
    bench.now += 60_000
    await bench.refetch()
    t.strictSame(bench.kids, ['a'])
    t.match(bench.store.status(), [{ keys: 1, error: String }])
    t.match(
      bench.notes.at(-1),
      /error issuer corp: no new keys: (https:.*: the key set|the key set is larger|connect) .*; the keys held stay in use/
    )
  }
  t.equal(bench.sets.length, 1)
  bench.answer = body('b')
  bench.now += 60_000
  await bench.refetch()
  t.strictSame(bench.kids, ['b'])
  t.match(bench.store.status(), [{ error: null }])
  await bench.store.close()
})

t.test('unknown kids cause one fetch at a time, and three in thirty seconds', async (t) => {
  const bench = new Bench(t.testdir())
  await bench.store.start([plan()])
  bench.fetched = []
  for (let i = 0; i < 10; i++) bench.store.refetch('corp', NOW)
  await bench.store.settled()
  t.equal(bench.fetched.length, 1)
  t.equal(await bench.refetch(), true)
  t.equal(await bench.refetch(), true)
  t.equal(await bench.refetch(), false)
  bench.now += 29_999
  t.equal(await bench.refetch(), false)
  bench.now += 1
  t.equal(await bench.refetch(), true)
  t.equal(bench.fetched.length, 4)
  t.equal(bench.store.refetch('nobody', 0), false)
  await bench.store.close()
})

t.test('a worker that has not heard of the newest set causes no fetch', async (t) => {
  const bench = new Bench(t.testdir())
  await bench.store.start([plan()])
  const [first] = bench.sets
  bench.answer = body('a', 'b')
  await bench.refetch()
  bench.fetched = []
  t.equal(bench.store.refetch('corp', first?.version ?? 0), false)
  await bench.store.settled()
  t.strictSame(bench.fetched, [])
  t.equal(await bench.refetch(), true)
  await bench.store.close()
})

t.test('the next refresh follows max-age, within five minutes and a day', async (t) => {
  const minutes = async (cacheSeconds: number | null): Promise<number> => {
    const bench = new Bench(t.testdir())
    bench.cacheSeconds = cacheSeconds
    await bench.store.start([plan()])
    const [status] = bench.store.status()
    await bench.store.close()
    return ((status?.nextAt ?? 0) - NOW) / 60_000
  }
  const about = async (cacheSeconds: number | null, wanted: number): Promise<void> => {
    const found = await minutes(cacheSeconds)
    t.ok(found <= wanted && found > wanted * 0.89, `${cacheSeconds}: ${found} minutes`)
  }
  await about(0, 5)
  await about(600, 10)
  await about(10_000_000, 24 * 60)
  await about(null, 15)
})

t.test('after errors it tries again, less and less often', async (t) => {
  const bench = new Bench(t.testdir())
  bench.answer = new Error('down')
  await bench.store.start([plan()])
  const waits: number[] = []
  for (let i = 0; i < 9; i++) {
    waits.push((bench.store.status()[0]?.nextAt ?? 0) - bench.now)
    bench.now += 60_000
    await bench.refetch()
  }
  t.strictSame(waits, [5000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000])
  await bench.store.close()
})

t.test('the schedule fetches by itself', async (t) => {
  const bench = new Bench(t.testdir())
  bench.answer = new Error('down')
  const prepared = await bench.store.prepare([plan()])
  bench.answer = body('late')
  // The retry is due after 5 s; the schedule begins when all but a few ms of them have passed.
  bench.now += 4995
  prepared.commit()
  t.equal(bench.sets.length, 0)
  await eventually(() => bench.sets.length > 0, 'it fetches')
  t.strictSame(bench.kids, ['late'])
  await bench.store.close()
})

t.test('a cold start with the provider down serves the saved keys', async (t) => {
  const stateDir = t.testdir()
  const first = new Bench(stateDir)
  await first.store.start([plan()])
  await first.store.close()
  const file = join(stateDir, 'keys', 'corp.json')
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.equal(statSync(join(stateDir, 'keys')).mode & 0o777, 0o700)
  t.strictSame(readdirSync(join(stateDir, 'keys')), ['corp.json'], 'no temporary file stays')

  const second = new Bench(stateDir)
  second.now = NOW + 3_600_000
  second.answer = new Error('down')
  await second.store.start([plan()])
  t.strictSame(second.kids, ['a'])
  t.match(second.sets, [{ fetchedAt: NOW }])
  t.match(second.store.status(), [{ saved: true, age: 3_600_000, error: 'down' }])
  second.answer = first.answer
  await second.refetch()
  t.match(second.store.status(), [{ saved: false, age: 0, error: null }])
  t.equal(second.sets.length, 1)
  await second.store.close()
})

t.test('saved keys of another address, or spoilt ones, are not used', async (t) => {
  const cases: [string, string][] = [
    ['another address', JSON.stringify({ url: 'https://other', fetchedAt: NOW, body: body('a') })],
    ['no JSON', '{'],
    ['another form', JSON.stringify({ url: URL_PLAN.kind === 'url' ? URL_PLAN.url : '', fetchedAt: '1', body: 1 })],
    ['no key', JSON.stringify({ url: 'https://idp.example/jwks.json', fetchedAt: NOW, body: '{"keys":[]}' })]
  ]
  for (const [name, text] of cases) {
    const stateDir = t.testdir()
    mkdirSync(join(stateDir, 'keys'))
    writeFileSync(join(stateDir, 'keys', 'corp.json'), text)
    const bench = new Bench(stateDir)
    bench.answer = new Error('down')
    await bench.store.start([plan()])
    t.equal(bench.sets.length, 0, name)
    t.match(bench.notes.at(-1), /there are no keys/, name)
    await bench.store.close()
  }
})

t.test('a state directory that cannot be written is a warning, not a failure', async (t) => {
  const stateDir = t.testdir({ file: 'x' })
  const bench = new Bench(join(stateDir, 'file'))
  await bench.store.start([plan()])
  t.strictSame(bench.kids, ['a'])
  t.match(bench.notes, [/warn issuer corp: its keys can't be saved/])
  await bench.store.close()
})

t.test('a file is read again when asked, and a bad one changes nothing', async (t) => {
  const dir = t.testdir({ 'keys.json': body('a') })
  const path = join(dir, 'keys.json')
  const bench = new Bench(dir)
  await bench.store.start([plan({ kind: 'file', path })])
  t.strictSame(bench.kids, ['a'])
  writeFileSync(path, body('b'))
  await bench.store.refreshFiles()
  t.strictSame(bench.kids, ['b'])
  writeFileSync(path, 'garbage')
  await bench.store.refreshFiles()
  t.equal(bench.sets.length, 2)
  t.match(bench.store.status(), [{ kind: 'file', keys: 1, error: String, nextAt: Number }])
  t.equal(bench.fetched.length, 0)
  await bench.store.close()
})

t.test('inline keys', async (t) => {
  const bench = new Bench(t.testdir())
  await bench.store.start([plan({ kind: 'inline', keys: [jwk('i')] })])
  t.strictSame(bench.kids, ['i'])
  t.equal(bench.store.refetch('corp', bench.sets.at(-1)?.version ?? 0), false)
  await bench.store.close()
})

t.test('refused keys are named once, not at each refresh', async (t) => {
  const bench = new Bench(t.testdir())
  bench.answer = JSON.stringify({ keys: [jwk('a'), { ...jwk('b'), alg: 'ES384' }] })
  await bench.store.start([plan()])
  await bench.refetch()
  t.strictSame(bench.notes, ['warn issuer corp: key "b" is refused: it says alg ES384, which its type can\'t do'])
  await bench.store.close()
})

t.test('a new configuration keeps sources that stay, and is heard only once it is taken', async (t) => {
  const bench = new Bench(t.testdir())
  const partner = plan({ kind: 'url', url: 'https://partner/jwks' }, { name: 'partner' })
  await bench.store.start([plan()])
  bench.fetched = []
  const cancelled = await bench.store.prepare([plan(), partner])
  t.strictSame(
    bench.fetched.map(({ url }) => url),
    ['https://partner/jwks']
  )
  t.equal(bench.sets.length, 1)
  await cancelled.cancel()
  t.strictSame(
    bench.store.status().map(({ issuer }) => issuer),
    ['corp']
  )

  const taken = await bench.store.prepare([plan(), partner])
  taken.commit()
  t.strictSame(
    bench.sets.map(({ issuer }) => issuer),
    ['corp', 'partner']
  )
  const dropped = await bench.store.prepare([partner])
  dropped.commit()
  t.strictSame(
    bench.store.status().map(({ issuer }) => issuer),
    ['partner']
  )
  await bench.store.close()
})

t.test('a source that was changed and has no keys voids the keys of the old one', async (t) => {
  const bench = new Bench(t.testdir())
  await bench.store.start([plan()])
  bench.answer = new Error('down')
  await bench.store.start([plan({ kind: 'url', url: 'https://new.example/jwks' })])
  t.strictSame(bench.kids, [])
  t.ok((bench.sets[1]?.version ?? 0) > (bench.sets[0]?.version ?? 0))
  await bench.store.close()
})

t.test('after close nothing is heard any more', async (t) => {
  const bench = new Bench(t.testdir())
  await bench.store.start([plan()])
  bench.answer = body('b')
  bench.store.refetch('corp', NOW)
  await bench.store.close()
  t.equal(bench.sets.length, 1)
  t.equal(bench.store.refetch('corp', bench.sets.at(-1)?.version ?? 0), false)
  t.match(readFileSync(join(bench.stateDir, 'keys', 'corp.json'), 'utf8'), /"a|\\"a/)
})
