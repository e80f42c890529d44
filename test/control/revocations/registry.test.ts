import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { RevocationChange } from '../../../src/messages.ts'
import type { RevocationPlan } from '../../../src/plan/revocation.ts'
import { readRevocation, revocationId } from '../../../src/control/revocations/entry.ts'
import { RevocationRegistry, type RevocationOptions } from '../../../src/control/revocations/registry.ts'
import { RevocationTable } from '../../../src/control/store/revocations.ts'
import { Store } from '../../../src/control/store/store.ts'

const KNOWN = { issuers: new Set(['corp']), consumers: new Set(['acme']) }
const now = Date.now()
const revoke = (subject: string, until = now + 60_000): RevocationPlan =>
  readRevocation({ subject, until: new Date(until).toISOString() }, KNOWN, 0)

function folder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'gh-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

async function registry(
  t: Test,
  stateDir: string,
  more: Partial<RevocationOptions> = {}
): Promise<{ registry: RevocationRegistry; sent: RevocationChange[]; store: Store }> {
  const store = await Store.open({ stateDir, onNote: () => {} })
  const sent: RevocationChange[] = []
  const made = new RevocationRegistry({
    table: new RevocationTable(store),
    send: async (change) => void sent.push(change),
    flush: () => store.flush(),
    ...more
  })
  t.teardown(() => store.close())
  t.teardown(() => made.close())
  await made.start()
  return { registry: made, sent, store }
}

t.test('what was made is sent as a change, kept, and sent whole after a restart', async (t) => {
  const dir = folder(t)
  const before = await registry(t, dir)
  t.same(before.sent, [{ add: [], remove: [], whole: true }])
  const alice = revoke('alice')
  t.same(await before.registry.add(alice, now), { notKept: '' })
  t.same(before.sent[1], { add: [alice], remove: [], whole: false })
  await before.registry.add(revoke('bob'), now)
  const { removed } = await before.registry.remove(revoke('bob').id)
  t.equal(removed.subject, 'bob')
  t.same(before.sent[3], { add: [], remove: [removed.id], whole: false })
  await before.store.close()
  const after = await registry(t, dir)
  t.same(after.sent, [{ add: [alice], remove: [], whole: true }])
  t.same(after.registry.counts(), { configuration: 0, runtime: 1, most: 10_000 })
})

t.test('the same selection once more is the same revocation, with the newer end', async (t) => {
  const { registry: held } = await registry(t, folder(t))
  await held.add(revoke('alice'), now)
  await held.add(revoke('alice', now + 90_000), now)
  t.match(held.list(now), [{ id: revoke('alice').id, until: now + 90_000, origin: 'runtime' }])
  t.not(revocationId(revoke('alice')), revocationId(revoke('bob')))
})

t.test('bounded: N-1, N, N+1; those whose time is over make room', async (t) => {
  const { registry: held, sent } = await registry(t, folder(t), { most: 2 })
  await held.add(revoke('a'), now)
  await held.add(revoke('b', now + 1_000), now)
  await t.rejects(held.add(revoke('c'), now), { status: 409, message: /2 revocations were made .* the most/ })
  t.equal(sent.length, 3, 'nothing was sent of it')
  await t.resolves(held.add(revoke('a'), now), 'one that is there may be changed')
  await t.resolves(held.add(revoke('c'), now + 1_000))
  t.match(sent.at(-2), { add: [], remove: [revoke('b').id] })
  t.same(
    held.list(now + 1_000).map(({ subject }) => subject),
    ['a', 'c']
  )
})

t.test('a worker that does not answer is said; the revocation stands', async (t) => {
  const { registry: held } = await registry(t, folder(t), {
    send: async ({ whole }) => {
      if (!whole) throw new Error('a worker did not acknowledge within 5000 ms')
    }
  })
  await t.rejects(held.add(revoke('a'), now), { status: 504, message: /did not acknowledge.*the others hold/ })
  t.equal(held.counts().runtime, 1)
})

t.test('a disk that takes nothing is said; the revocation holds', async (t) => {
  const { registry: held, sent } = await registry(t, folder(t), { flush: async () => 'database or disk is full' })
  t.same(await held.add(revoke('a'), now), { notKept: 'database or disk is full' })
  t.equal(sent.length, 2)
})

t.test('one of the configuration is not taken back here', async (t) => {
  const { registry: held } = await registry(t, folder(t))
  const alice = revoke('alice')
  held.use([{ ...alice, where: 'revoked.yaml:3:3' }])
  await t.rejects(held.remove(alice.id), { status: 409, message: /remove it there, revoked\.yaml:3:3/ })
  await t.rejects(held.remove('rv-0'), { status: 404, message: /no revocation has the id rv-0/ })
  await held.add(alice, now)
  t.match(await held.remove(alice.id), { still: 'revoked.yaml:3:3' })
  t.same(held.counts(), { configuration: 1, runtime: 0, most: 10_000 })
})
