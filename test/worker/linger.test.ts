import { mock } from 'node:test'
import t from 'tap'
import { linger } from '../../src/worker/linger.ts'

mock.timers.enable({ apis: ['setTimeout'] })
t.teardown(() => mock.timers.reset())

class Body {
  bytes = 100
  complete = false
  #done = (): void => {}

  onceComplete(done: () => void): void {
    this.#done = done
  }

  end(): void {
    this.complete = true
    this.#done()
  }
}

/** An answer that is out, on a connection whose body is still coming. */
function answered(body: Body | null): { hungUp: () => boolean } {
  let hungUp = false
  linger({ hangUp: () => (hungUp = true) }, body)
  return { hungUp: () => hungUp }
}

/** So many bytes come each second. */
function send(body: Body, bytes: number, seconds: number): void {
  for (let i = 0; i < seconds; i++) {
    body.bytes += bytes
    mock.timers.tick(1000)
  }
}

t.test('a client that is silent has had time to read', async (t) => {
  const { hungUp } = answered(new Body())
  mock.timers.tick(1999)
  t.notOk(hungUp())
  mock.timers.tick(1)
  t.ok(hungUp())
})

t.test('so has one that drips its body', async (t) => {
  const body = new Body()
  const { hungUp } = answered(body)
  send(body, 2047, 2)
  t.ok(hungUp())
})

t.test('one that sends at the speed of a bad line is waited for until it is silent', async (t) => {
  const body = new Body()
  const { hungUp } = answered(body)
  send(body, 2048, 20)
  t.notOk(hungUp())
  mock.timers.tick(2000)
  t.ok(hungUp())
})

t.test('a body that ends leaves the answer a moment to get out', async (t) => {
  const body = new Body()
  const { hungUp } = answered(body)
  body.end()
  t.notOk(hungUp())
  mock.timers.tick(250)
  t.ok(hungUp())
  const { hungUp: without } = answered(null)
  t.notOk(without())
  mock.timers.tick(250)
  t.ok(without())
})
