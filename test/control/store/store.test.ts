import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { RevocationTable, type RevocationRow } from '../../../src/control/store/revocations.ts'
import { MIGRATIONS } from '../../../src/control/store/schema.ts'
import { Database } from '../../../src/control/store/sqlite.ts'
import { Store, type StoreOptions } from '../../../src/control/store/store.ts'
import { PATIENCE } from '../../e2e/patience.ts'

const FUTURE = Date.now() + 3_600_000
const BIG = 256 << 20

function folder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'gh-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

async function open(
  t: Test,
  stateDir: string,
  options: Partial<StoreOptions> = {}
): Promise<{ store: Store; notes: string[] }> {
  const notes: string[] = []
  const onNote: StoreOptions['onNote'] = (level, text) => notes.push(`${level}: ${text}`)
  const store = await Store.open({ stateDir, onNote, closeLimit: PATIENCE, ...options })
  t.teardown(() => store.close())
  return { store, notes }
}

function row(id: string, over: Partial<RevocationRow> = {}): RevocationRow {
  const none = { issuer: null, jti: null, subject: null, consumer: null, kid: null, issuedBefore: null }
  return { id, ...none, until: FUTURE, reason: '', added: 1, ...over }
}

async function ids(store: Store): Promise<string[]> {
  return (await new RevocationTable(store).all(Date.now())).map(({ id }) => id)
}

t.test('what was written is there after the next start, for the gateway alone', async (t) => {
  const dir = folder(t)
  const { store: first } = await open(t, dir)
  const entry = row('a', { issuer: 'corp', subject: 'alice', issuedBefore: 1_700_000_000_000, reason: 'left: "é"' })
  new RevocationTable(first).put(entry)
  t.equal(statSync(join(dir, 'gatehouse.db')).mode & 0o777, 0o600)
  t.equal(statSync(join(dir, 'gatehouse.db-wal')).mode & 0o777, 0o600)
  await first.close()
  const { store, notes } = await open(t, dir)
  t.same(await new RevocationTable(store).all(Date.now()), [entry])
  t.same(notes, [])
  t.match(store.health(), { state: 'ok', reason: '', pending: 0, dropped: 0 })
})

t.test('the last word on a row is what counts, within a batch and over several', async (t) => {
  const { store } = await open(t, folder(t))
  const table = new RevocationTable(store)
  table.put(row('a', { reason: 'first' }))
  table.put(row('a', { reason: 'second' }))
  table.put(row('b'))
  table.remove('b')
  t.equal(store.health().pending, 2)
  t.match(await table.all(Date.now()), [{ id: 'a', reason: 'second' }])
  table.remove('a')
  t.equal(await store.flush(), null)
  t.same(await ids(store), [])
})

t.test('a change reaches the disk by itself', async (t) => {
  const { store } = await open(t, folder(t))
  new RevocationTable(store).put(row('a'))
  while (store.health().pending > 0) await new Promise((resolve) => setTimeout(resolve, 20))
  t.same(await ids(store), ['a'])
})

t.test('rows whose time is over are gone', async (t) => {
  const dir = folder(t)
  const { store } = await open(t, dir)
  const table = new RevocationTable(store)
  table.put(row('past', { until: Date.now() - 1 }))
  table.put(row('future'))
  t.same(await ids(store), ['future'])
  await store.close()
  const again = await open(t, dir)
  t.match(await again.store.rows('SELECT id FROM revocations'), [{ id: 'future' }], 'from the disk too')
})

t.test('kill -9 costs nothing that was flushed, and what a batch may wait otherwise', async (t) => {
  const dir = folder(t)
  const writer = fileURLToPath(new URL('writer.ts', import.meta.url))
  const child = spawn(process.execPath, [writer, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  child.stdout.on('data', (data: Buffer) => (said += data.toString()))
  // It says `flushed N` once row N is on the disk, and goes on writing.
  while (said.split('\n').length < 6) await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'close')
  const flushed = Number(/(\d+)\n$/.exec(said)?.[1])
  const { store } = await open(t, dir)
  const kept = new Set(await ids(store))
  t.ok(flushed >= 4)
  for (let i = 0; i <= flushed; i++) t.ok(kept.has(`row-${i}`), `row ${i} of ${flushed}`)
})

t.test('a change that the tables refuse is left out and said; the others go on', async (t) => {
  const { store, notes } = await open(t, folder(t))
  store.write('revocations', 'bad', 'INSERT INTO revocations (id) VALUES (?)', ['bad'])
  store.write('revocations', 'worse', 'INSERT INTO nowhere VALUES (?)', [1])
  new RevocationTable(store).put(row('good'))
  t.equal(await store.flush(), null)
  t.same(await ids(store), ['good'])
  t.match(notes, [/^error: a change could not be kept: NOT NULL/, /no such table: nowhere/])
  t.equal(store.health().state, 'ok')
})

t.test('a full database: said once, kept in memory, written as soon as there is room', async (t) => {
  const dir = folder(t)
  const { store, notes } = await open(t, dir, { maxBytes: 64 << 10 })
  const table = new RevocationTable(store)
  table.put(row('a'))
  t.equal(await store.flush(), null)
  table.put(row('huge', { reason: 'x'.repeat(100_000) }))
  t.match(await store.flush(), /full/)
  t.match(await store.flush(), /full/, 'tried again')
  t.match(store.health(), { state: 'degraded', reason: /full/, pending: 1 })
  t.equal(notes.length, 1)
  t.match(notes[0], /^error: .*gatehouse\.db can't be written: .*full.*outlive a restart/)
  t.same(await ids(store), ['a'], 'what is there can be read')
  table.put(row('huge', { reason: 'short' }))
  t.equal(await store.flush(), null)
  t.match(store.health(), { state: 'ok', reason: '', pending: 0 })
  t.match(notes[1], /^info: .* is written again/)
  t.same((await ids(store)).toSorted(), ['a', 'huge'])
})

t.test('changes that wait are bounded: N-1, N, N+1', async (t) => {
  const { store, notes } = await open(t, folder(t), { maxBytes: 64 << 10, mostPending: 3 })
  const table = new RevocationTable(store)
  table.put(row('huge', { reason: 'x'.repeat(100_000) }))
  t.match(await store.flush(), /full/)
  table.put(row('b'))
  t.equal(store.health().pending, 2)
  table.put(row('c'))
  t.match(store.health(), { pending: 3, dropped: 0 })
  table.put(row('d'))
  t.match(store.health(), { pending: 3, dropped: 1 })
  t.match(notes.at(-1), /^error: .*3 changes wait for the disk; more are lost/)
  table.remove('huge')
  t.match(store.health(), { pending: 3, dropped: 1 }, 'a row that waits may still change')
  t.equal(await store.flush(), null)
  t.same(await ids(store), ['b', 'c'])
})

t.test('a database that is none, or is damaged, is a reason not to start', async (t) => {
  const dir = folder(t)
  const file = join(dir, 'gatehouse.db')
  const refuses = (what: RegExp): Promise<unknown> => t.rejects(Store.open({ stateDir: dir, onNote: () => {} }), what)

  writeFileSync(file, 'not a database, and longer than the header of one would be, which is a hundred bytes '.repeat(9))
  await refuses(/gatehouse\.db is damaged \(file is not a database\).*bring back a copy of it, or move it away/)

  rmSync(file)
  const { store: before } = await open(t, dir)
  for (let i = 0; i < 500; i++) new RevocationTable(before).put(row(`r${i}`, { reason: 'x'.repeat(100) }))
  await before.close()
  truncateSync(file, 12_288)
  await refuses(/gatehouse\.db is damaged/)

  rmSync(file)
  mkdirSync(file)
  await refuses(/gatehouse\.db can't be opened: it is a directory/)
})

t.test('one that a newer Gatehouse made is not touched', async (t) => {
  const dir = folder(t)
  const database = new Database(join(dir, 'gatehouse.db'), BIG)
  database.apply([{ sql: `PRAGMA user_version = ${MIGRATIONS.length + 1}`, values: [] }], false)
  database.close()
  await t.rejects(
    Store.open({ stateDir: dir, onNote: () => {} }),
    new RegExp(`has tables of version ${MIGRATIONS.length + 1}, and this Gatehouse knows ${MIGRATIONS.length}`)
  )
})

t.test('one that another process has open is not shared', async (t) => {
  const dir = folder(t)
  await open(t, dir)
  await t.rejects(Store.open({ stateDir: dir, onNote: () => {} }), /gatehouse\.db is in use by another program/)
})

t.test('an empty file becomes a database, and every version before brings its rows along', async (t) => {
  const dir = folder(t)
  writeFileSync(join(dir, 'gatehouse.db'), '')
  chmodSync(join(dir, 'gatehouse.db'), 0o644)
  const { store } = await open(t, dir)
  new RevocationTable(store).put(row('a'))
  await store.close()
  t.equal(statSync(join(dir, 'gatehouse.db')).mode & 0o777, 0o600)
  const again = await open(t, dir)
  t.same(await ids(again.store), ['a'])
})

t.test('what this user may not write is a reason not to start', async (t) => {
  const dir = folder(t)
  const opener = fileURLToPath(new URL('writer.ts', import.meta.url))
  new Database(join(dir, 'gatehouse.db'), BIG).close()
  chmodSync(join(dir, 'gatehouse.db'), 0o400)
  chmodSync(dir, 0o555)
  // Root writes everywhere, so somebody else tries.
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  const child = spawn(process.execPath, [opener, dir], { stdio: ['ignore', 'pipe', 'pipe'], ...user })
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  child.stdout.on('data', (data: Buffer) => (said += data.toString()))
  child.stderr.on('data', (data: Buffer) => (said += data.toString()))
  await once(child, 'close')
  t.match(said, /gatehouse\.db can't be opened: EACCES/)
})

t.test("the module's warning is nobody's business", async (t) => {
  const dir = folder(t)
  const { href: module } = new URL('../../../src/control/store/sqlite.ts', import.meta.url)
  const script = `const { Database } = await import('${module}'); new Database('${join(dir, 'x.db')}', 1 << 20).close(); process.emitWarning('others are heard')`
  // Whoever runs this test may have silenced this warning, or all; tap puts --no-warnings into every child's NODE_OPTIONS.
  const child = spawn(process.execPath, ['--warnings', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '', NODE_NO_WARNINGS: '' }
  })
  let said = ''
  child.stderr.on('data', (data: Buffer) => (said += data.toString()))
  await once(child, 'close')
  t.notMatch(said, /SQLite/)
  t.match(said, /others are heard/)
})
