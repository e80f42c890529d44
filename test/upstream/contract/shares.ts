import type { Test } from 'tap'
import { MAX_WAITING } from '../../../src/upstream/pool.ts'
import type { UpstreamClient } from '../../../src/upstream/transport.ts'
import { eventually, exchange, send, type Sent } from '../recorder.ts'
import type { Script } from '../scripted.ts'
import { against, type Subject } from './subject.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const MAX = 8
/** Of eight connections. */
const SHARE = 6

/** Longer than any test has patience. */
const timeouts = { connect: 60_000, response: 60_000 }

const a: UpstreamClient = { shareKey: 'a' }
const b: UpstreamClient = { shareKey: 'b' }
const c: UpstreamClient = { shareKey: 'c' }

/** Answers requests for `/now` at once, and others when their path is let go. */
function held(): { script: Script; here: string[]; letGo: (path: string) => void } {
  const here: string[] = []
  const waiting = new Map<string, () => void>()
  return {
    here,
    letGo: (path) => waiting.get(path)?.(),
    script: async (peer) => {
      for (;;) {
        const path = (await peer.head()).split(' ')[1] ?? ''
        here.push(path)
        if (path !== '/now') await new Promise<void>((resolve) => waiting.set(path, resolve))
        peer.send(OK)
      }
    }
  }
}

const paths = (name: string, count: number): string[] => Array.from({ length: count }, (_, i) => `/${name}${i}`)

function abort(...sent: Sent[]): void {
  for (const { call } of sent) call.abort()
}

export async function shares(t: Test, subject: Subject): Promise<void> {
  t.test('a client that holds its share waits, and others find a connection at once', async (t) => {
    const { script, here, letGo } = held()
    const { transport, upstream } = await against(t, subject, script, { max: MAX, timeouts })
    const all = paths('a', SHARE + 2).map((path) => send(transport, { path, client: a }))
    await eventually(() => here.length === SHARE)
    t.same(here, paths('a', SHARE))
    for (const client of [b, c, null]) t.equal((await exchange(transport, { path: '/now', client })).body, 'ok')
    t.equal(upstream.connections, SHARE + 1, 'one was left, and is used by one after the other')
    t.equal(here.includes(`/a${SHARE}`), false, 'whoever waits for his share does not get it')
    letGo('/a0')
    await eventually(() => here.includes(`/a${SHARE}`))
    t.ok(here.includes(`/a${SHARE}`), 'what it gives back is for the next of its own')
    t.equal(here.includes(`/a${SHARE + 1}`), false)
    abort(...all)
  })

  t.test('the last connection is for who holds little', async (t) => {
    const { script, here } = held()
    const { transport } = await against(t, subject, script, { max: MAX, timeouts })
    const sent = paths('a', SHARE).map((path) => send(transport, { path, client: a }))
    sent.push(send(transport, { path: '/b0', client: b }))
    await eventually(() => here.length === SHARE + 1)
    const waits = send(transport, { path: '/a-more', client: a })
    t.equal((await exchange(transport, { path: '/now', client: c })).body, 'ok')
    t.equal(here.includes('/a-more'), false)
    abort(...sent, waits)
  })

  t.test('what comes free is for the first in line who has not his share', async (t) => {
    const { script, here, letGo } = held()
    const { transport } = await against(t, subject, script, { max: MAX, timeouts })
    const sent = [...paths('a', SHARE), '/b0', '/b1'].map((path) =>
      send(transport, { path, client: path.startsWith('/a') ? a : b })
    )
    await eventually(() => here.length === MAX)
    for (const path of ['/a-more', '/a-most']) sent.push(send(transport, { path, client: a }))
    for (const path of ['/c0', '/c1']) sent.push(send(transport, { path, client: c }))
    letGo('/b0')
    await eventually(() => here.length > MAX)
    letGo('/b1')
    await eventually(() => here.length > MAX + 1)
    t.same(here.slice(MAX), ['/c0', '/c1'])
    abort(...sent)
  })

  t.test('what the gateway asks for itself has no share to keep to', async (t) => {
    const { script, here } = held()
    const { transport } = await against(t, subject, script, { max: MAX, timeouts })
    const sent = paths('g', MAX).map((path) => send(transport, { path }))
    await eventually(() => here.length === MAX)
    t.equal(here.length, MAX)
    abort(...sent)
  })

  t.test('who waits too long for his share is told so', async (t) => {
    const { script } = held()
    const { transport } = await against(t, subject, script, { max: MAX, timeouts: { connect: 100 } })
    const sent = paths('a', SHARE).map((path) => send(transport, { path, client: a }))
    const { fault } = await exchange(transport, { path: '/late', client: a })
    t.match(fault, { kind: 'overload', sent: false, detail: /its client has its share of 8 connections, 6, and gave/ })
    abort(...sent)
  })

  t.test('places in line are had by share, too', async (t) => {
    const { script, here, letGo } = held()
    const { transport } = await against(t, subject, script, { max: 1, timeouts })
    const first = send(transport, { path: '/first', client: a })
    await eventually(() => here.length === 1)
    const most = (MAX_WAITING / 4) * 3
    const waiting = Array.from({ length: most }, () => send(transport, { path: '/now', client: a }))
    const refused = await exchange(transport, { path: '/now', client: a })
    t.match(refused.fault, { kind: 'overload', detail: /768 requests of its client wait for one of 1 connections/ })
    const other = send(transport, { path: '/now', client: b })
    letGo('/first')
    await Promise.all([...waiting, other].map(({ sink }) => sink.done))
    t.equal([...waiting, other].filter(({ sink }) => sink.body === 'ok').length, most + 1)
    abort(first)
  })

  t.test('a connection that dies unanswered is replaced, whatever its client holds', async (t) => {
    const here: string[] = []
    let die = (): void => {}
    const { transport } = await against(
      t,
      subject,
      async (peer, nth) => {
        for (let i = 0; ; i++) {
          const path = (await peer.head()).split(' ')[1] ?? ''
          here.push(path)
          if (path === '/warm') {
            await peer.wait(20)
            peer.send(OK)
          } else if (path === '/a0' && nth < MAX) {
            await new Promise<void>((resolve) => (die = resolve))
            return peer.finish()
          } else await peer.closed()
        }
      },
      { max: MAX, timeouts }
    )
    await Promise.all(Array.from({ length: MAX }, () => exchange(transport, { path: '/warm' })))
    const sent = paths('a', SHARE).map((path) => send(transport, { path, client: a }))
    for (const path of paths('b', MAX - SHARE)) sent.push(send(transport, { path, client: b }))
    await eventually(() => here.length === 2 * MAX)
    die()
    await eventually(() => here.length > 2 * MAX)
    t.same(here.slice(2 * MAX), ['/a0'], 'the same request, over another connection')
    abort(...sent)
  })
}
