/**
 * uWebSockets.js was asked which connection a request came over, and one that opened or closed: it keeps each object it
 * is asked of for good, so that a worker grew by 60 bytes a request until its memory was full.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { ask } from '../e2e/client.ts'
import { connect } from '../e2e/connection.ts'
import { startGateway } from '../e2e/gateway.ts'
import { configuration } from '../e2e/reload/configuration.ts'
import { eventually } from '../e2e/visitors.ts'

const REQUESTS = 2_000
const CONNECTIONS = 200

const dir = mkdtempSync(join(tmpdir(), 'gatehouse-handles-'))
t.teardown(() => rmSync(dir, { recursive: true }))
const gateway = await startGateway(t, configuration(), {
  workers: 1,
  preload: [fileURLToPath(new URL('../e2e/process/handles.ts', import.meta.url))],
  env: { TEST_HANDLES_DIR: dir }
})

let asked = 0
/** Objects that native code keeps in the worker's heap. */
async function handles(): Promise<number> {
  const answer = join(dir, `answer-${++asked}`)
  writeFileSync(join(dir, 'ask'), String(asked))
  await eventually(() => existsSync(answer), 'the worker says how many there are')
  return Number(readFileSync(answer, 'utf8'))
}

async function requests(count: number): Promise<void> {
  const line = await connect(gateway.port)
  for (let i = 0; i < count; i++) await line.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').response()
  line.close()
}

t.test('nothing stays of a request', async (t) => {
  await requests(REQUESTS)
  const before = await handles()
  await requests(REQUESTS)
  const more = (await handles()) - before
  t.ok(more < REQUESTS / 10, `${more} more objects`)
})

t.test('nothing stays of a connection', async (t) => {
  const before = await handles()
  for (let i = 0; i < CONNECTIONS; i++) await ask(gateway.port, '/')
  const more = (await handles()) - before
  t.ok(more < CONNECTIONS / 10, `${more} more objects`)
})
