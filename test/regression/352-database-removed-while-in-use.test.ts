/** A database that was removed under a running gateway went on being "ok": bans, quotas and revocations were gone at the next start. */
import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { RevocationTable, type RevocationRow } from '../../src/control/store/revocations.ts'
import { Store } from '../../src/control/store/store.ts'
import { PATIENCE } from '../e2e/patience.ts'

async function opened(t: Test, stateDir: string): Promise<{ store: Store; table: RevocationTable; notes: string[] }> {
  const notes: string[] = []
  const store = await Store.open({ stateDir, onNote: (_level, text) => notes.push(text), closeLimit: PATIENCE })
  t.teardown(() => store.close())
  return { store, table: new RevocationTable(store), notes }
}

function folder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'gh-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

const NONE = { issuer: null, subject: null, consumer: null, kid: null, issuedBefore: null, reason: '', added: 1 }
const row = (jti: string): RevocationRow => ({ ...NONE, id: jti, jti, until: Date.now() + 3_600_000 })
const ids = async (table: RevocationTable): Promise<string[]> => (await table.all(Date.now())).map(({ id }) => id)

const ways: Record<string, (dir: string) => void> = {
  'the file': (dir) => rmSync(join(dir, 'gatehouse.db')),
  'the folder': (dir) => rmSync(dir, { recursive: true })
}
for (const [what, remove] of Object.entries(ways))
  t.test(`${what}: it is put back, with all it held`, async (t) => {
    const dir = folder(t)
    const { store, table, notes } = await opened(t, dir)
    table.put(row('before'))
    await store.flush()
    remove(dir)
    table.put(row('after'))
    t.equal(await store.flush(), null)
    t.match(notes, [/gatehouse\.db was removed while it was in use: it is put back/])
    table.put(row('later'))
    t.equal(await store.flush(), null)
    t.equal(notes.length, 1, 'once')
    await store.close()
    const again = await opened(t, dir)
    t.same(await ids(again.table), ['after', 'before', 'later'])
  })

t.test('another file at its place is left alone, and said', async (t) => {
  const other = folder(t)
  const { store: second, table: there } = await opened(t, other)
  there.put(row('of the other'))
  await second.close()
  const dir = folder(t)
  const { store, table, notes } = await opened(t, dir)
  renameSync(join(other, 'gatehouse.db'), join(dir, 'gatehouse.db'))
  table.put(row('mine'))
  t.match(await store.flush(), /another file took its place while it was open: a restart takes up that one/)
  t.match(store.health(), { state: 'degraded' })
  t.equal(notes.length, 1)
})
