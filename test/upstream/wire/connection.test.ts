import t, { type Test } from 'tap'
import { KEEP_ALIVE } from '../../../src/upstream/bounds.ts'
import { Pipelining } from '../../../src/upstream/pipelining.ts'
import { Pool } from '../../../src/upstream/pool.ts'
import { Target } from '../../../src/upstream/target.ts'
import { TICK, Ticker } from '../../../src/upstream/ticker.ts'
import { UNCOUNTED } from '../../../src/upstream/transport.ts'
import { MAX_AGE, WireConnection } from '../../../src/upstream/wire/connection.ts'
import { WireExchange } from '../../../src/upstream/wire/exchange.ts'
import { plan, Recorder, eventually } from '../recorder.ts'
import { always, type Script, scripted } from '../scripted.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** A pool whose clock only moves when the test says so. */
async function poolAgainst(t: Test, script: Script) {
  const upstream = await scripted(t, script)
  const limits = plan([upstream])
  const ticker = new Ticker((now) => pool.tick(now))
  ticker.start = () => {}
  const [target] = limits.targets
  if (target === undefined) throw new Error('the plan has a target')
  const pool: Pool<WireExchange> = new Pool(
    new Target(target),
    ticker,
    new Pipelining(1),
    4,
    limits.timeouts.connect,
    (pool) => new WireConnection(pool, UNCOUNTED)
  )
  const send = (bodyLength = 0): { exchange: WireExchange; sink: Recorder } => {
    const sink = new Recorder()
    const method = bodyLength === 0 ? 'GET' : 'POST'
    const request = { method, path: '/', headers: ['host', 'a.test'], repeated: [], bodyLength, client: null }
    const exchange = new WireExchange(request, sink, pool, limits.timeouts)
    pool.submit(exchange)
    sink.returned = true
    exchange.returns()
    return { exchange, sink }
  }
  return {
    upstream,
    send,
    async exchange() {
      const { sink } = send()
      await sink.done
      return sink
    },
    /** Lets `ms` pass at once. */
    pass(ms: number) {
      ticker.now += Math.ceil(ms / TICK) + 2
      return pool.tick(ticker.now)
    }
  }
}

t.test('an idle connection is kept for its time, then closed', async (t) => {
  const { exchange, pass, upstream } = await poolAgainst(t, always(OK))
  await exchange()
  t.ok(pass(KEEP_ALIVE - 1_000), 'there is something to wait for')
  await exchange()
  t.equal(upstream.connections, 1)
  pass(KEEP_ALIVE)
  await eventually(() => upstream.open === 0)
  t.equal(upstream.open, 0)
  t.notOk(pass(1), 'nothing is left to wait for')
})

for (const [seconds, kept, gone] of [
  [3, 1_500, 2_000],
  [30, 28_000, 29_000],
  [3_600, 59_000, 60_000]
] as const) {
  t.test(`a target that keeps connections for ${seconds} s is believed, up to a minute`, async (t) => {
    const { exchange, pass, upstream } = await poolAgainst(
      t,
      always(`HTTP/1.1 200 OK\r\nKeep-Alive: timeout=${seconds}\r\nContent-Length: 0\r\n\r\n`)
    )
    await exchange()
    pass(kept)
    await exchange()
    t.equal(upstream.connections, 1)
    pass(gone)
    await eventually(() => upstream.open === 0)
    t.equal(upstream.open, 0)
  })
}

t.test('a target that keeps them for a second is not asked again over the same one', async (t) => {
  const { exchange, upstream } = await poolAgainst(
    t,
    always('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n')
  )
  await exchange()
  await exchange()
  t.equal(upstream.connections, 2)
})

t.test('an old connection is not used again, however busy it was', async (t) => {
  const { exchange, pass, upstream } = await poolAgainst(t, always(OK))
  for (let age = 0; age <= MAX_AGE + 6_000; age += 3_000) {
    await exchange()
    pass(3_000)
  }
  t.equal(upstream.connections, 2)
})

t.test('head and body leave in one packet when they come in one turn', async (t) => {
  const packets: string[] = []
  const { send } = await poolAgainst(t, (peer) => {
    peer.socket.on('data', (text: string) => {
      packets.push(text)
      if (text.endsWith('hello')) peer.send(OK)
    })
  })
  const first = send(5)
  first.exchange.write(Buffer.from('hello'))
  first.exchange.end()
  await first.sink.done
  const second = send(5)
  second.exchange.write(Buffer.from('hello'))
  second.exchange.end()
  await second.sink.done
  t.equal(packets.length, 2)
  for (const packet of packets) t.match(packet, /^POST .*\r\n\r\nhello$/s)
})

t.test('a head does not wait for a body that is late', async (t) => {
  let head = ''
  const { send } = await poolAgainst(t, async (peer) => {
    head = await peer.head()
    await peer.bytes(5)
    peer.send(OK)
  })
  const { exchange, sink } = send(5)
  await eventually(() => head !== '')
  t.match(head, /^POST /)
  exchange.write(Buffer.from('hello'))
  exchange.end()
  await sink.done
  t.equal(sink.body, 'ok')
})

t.test('the connection used last is used next', async (t) => {
  const order: number[] = []
  const { send, exchange, upstream } = await poolAgainst(t, async (peer, nth) => {
    for (;;) {
      await peer.head()
      order.push(nth)
      await peer.wait(nth === 0 ? 20 : 5)
      peer.send(OK)
    }
  })
  const both = [send(), send()]
  await Promise.all(both.map(({ sink }) => sink.done))
  for (let i = 0; i < 3; i++) await exchange()
  t.equal(upstream.connections, 2)
  t.same(order.slice(2), [0, 0, 0])
})

for (const how of ['reset', 'destroy'] as const) {
  t.test(`an answer that is there when a write of the body fails (${how}) is read all the same`, async (t) => {
    let then = (): void => {}
    const { send } = await poolAgainst(t, async (peer) => {
      await peer.head()
      await peer.bytes(5)
      peer.send('HTTP/1.1 413 Content Too Large\r\nContent-Length: 7\r\n\r\ntoo big')
      await new Promise((resolve) => setImmediate(resolve))
      if (how === 'reset') peer.reset()
      else peer.socket.destroy()
      then()
    })
    const { exchange, sink } = send(1_000_000)
    // In the turn in which the target goes, so that nothing was read before the write fails.
    then = () => {
      for (let i = 0; i < 6; i++) exchange.write(Buffer.alloc(60_000))
    }
    exchange.write(Buffer.from('hello'))
    await sink.done
    t.equal(sink.status, 413)
    t.equal(sink.body, 'too big')
    t.equal(sink.fault, null)
    t.same(sink.violations, [])
  })
}

t.test('small parts of a body that come in one turn leave in one packet', async (t) => {
  const packets: string[] = []
  const { send } = await poolAgainst(t, async (peer) => {
    peer.socket.on('data', (text: string) => packets.push(text))
    await peer.head()
    await peer.bytes(9)
    peer.send(OK)
  })
  const { exchange, sink } = send(9)
  await eventually(() => packets.length === 1)
  for (const letters of ['abc', 'def']) exchange.write(Buffer.from(letters))
  await eventually(() => packets.length === 2)
  for (const letters of ['g', 'h', 'i']) exchange.write(Buffer.from(letters))
  exchange.end()
  await sink.done
  t.same(packets.slice(1), ['abcdef', 'ghi'])
})
