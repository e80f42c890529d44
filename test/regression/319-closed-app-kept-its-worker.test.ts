/**
 * uWebSockets.js keeps a closed app and its callbacks for good, and they reached what the app was made for: every change
 * of certificates left a set of apps and its handlers behind.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t, { type Test } from 'tap'
import { AcceptorApp, WorkerApp, type AppHandlers } from '../../src/worker/uws.ts'
import { connect } from '../e2e/connection.ts'
import { eventually } from '../e2e/visitors.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const door = new AcceptorApp(false)
const port = door.listen('127.0.0.1', 0) ?? 0
t.teardown(() => door.close())

/** An app that answered a request, closed: what its handlers are. */
async function closedApp(t: Test): Promise<WeakRef<AppHandlers>> {
  const counted = { opened: 0, closed: 0 }
  const handlers: AppHandlers = {
    request: (res) => void res.end('answered'),
    opened: () => ++counted.opened > 0,
    closed: () => void counted.closed++,
    escaped: (error) => t.error(error)
  }
  const app = new WorkerApp(null, null, handlers)
  door.hook(app.descriptor)
  const line = await connect(port)
  t.equal((await line.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').response()).status, 200)
  door.unhook(app.descriptor)
  app.close()
  await eventually(() => counted.closed === counted.opened, 'its connection is closed')
  line.close()
  return new WeakRef(handlers)
}

t.test('nothing that a closed app was made for is kept', async (t) => {
  const kept = await closedApp(t)
  await eventually(async () => {
    // What a WeakRef was asked for stays until the end of the turn.
    await sleep(50)
    collect()
    return kept.deref() === undefined
  }, 'its handlers are collected')
  t.pass()
})
