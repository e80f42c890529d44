import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { ConfigurationReader } from '../../src/control/reading.ts'
import { startReading } from '../../src/control/start-reading.ts'
import { configuration } from '../e2e/reload/configuration.ts'

function file(t: Test, text: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-reading-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  writeFileSync(join(dir, 'gatehouse.yaml'), text)
  return join(dir, 'gatehouse.yaml')
}

function readerOf(t: Test): ConfigurationReader {
  const reader = new ConfigurationReader()
  t.teardown(() => reader.close())
  return reader
}

t.test('a thread that was asked before there was a reader answers it', async (t) => {
  const configFile = file(t, configuration())
  const thread = startReading()
  thread.port.postMessage({ configFile, configName: 'a.yaml', generation: 1 })
  const reader = readerOf(t)
  reader.adopt(thread, 1, 12345)
  const first = await reader.read({ configFile, configName: 'a.yaml', generation: 1 })
  t.equal(first.plan?.generation, 1)
  t.equal(first.began, 12345, 'what changed since it was asked is not in it')
  const second = await reader.read({ configFile, configName: 'a.yaml', generation: 2 })
  t.equal(second.plan?.generation, 2, 'and reads on')
  t.ok(second.began > 12345)
})

t.test('findings are an answer, and the end of the thread is none', async (t) => {
  const reader = readerOf(t)
  const configFile = file(t, 'version: nonsense')
  const { plan, findings } = await reader.read({ configFile, configName: 'a.yaml', generation: 1 })
  t.equal(plan, null)
  t.ok(findings.length > 0)

  const { port1, port2 } = new MessageChannel()
  t.teardown(() => port2.close())
  reader.close()
  reader.adopt({ port: port1, failed: Promise.resolve(new Error('out of memory')) }, 1, 0)
  const request = { configFile, configName: 'a.yaml', generation: 1 }
  await t.rejects(reader.read(request), { message: 'out of memory' }, 'also when it ended before anybody asked')
  t.equal((await reader.read(request)).plan, null, 'the next one is read by a thread of its own')
})

t.test('a thread that was let go of ends, and says so', async (t) => {
  const thread = startReading()
  thread.port.close()
  t.match((await thread.failed).message, /ended without a word/)
})
