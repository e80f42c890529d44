import type { Test } from 'tap'
import { MAX_WAITING } from '../../../src/upstream/pool.ts'
import { exchange, plan, send, eventually } from '../recorder.ts'
import { always, scripted } from '../scripted.ts'
import { against, type Subject } from './subject.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export async function connections(t: Test, subject: Subject): Promise<void> {
  t.test('keeps a connection for the next exchange', async (t) => {
    const { transport, upstream } = await against(t, subject, always(OK))
    for (let i = 0; i < 4; i++) t.equal((await exchange(transport)).body, 'ok')
    t.equal(upstream.connections, 1)
  })

  t.test('keeps it after a body that was sent whole', async (t) => {
    const { transport, upstream } = await against(t, subject, async (peer) => {
      for (;;) {
        await peer.head()
        await peer.bytes(5)
        peer.send(OK)
      }
    })
    for (let i = 0; i < 3; i++) {
      t.equal((await exchange(transport, { method: 'POST', body: 'hello' })).body, 'ok')
    }
    t.equal(upstream.connections, 1)
  })

  for (const head of ['HTTP/1.1 200 OK\r\nConnection: close', 'HTTP/1.0 200 OK']) {
    t.test(`does not keep it when told not to: ${head}`, async (t) => {
      const { transport, upstream } = await against(t, subject, always(`${head}\r\nContent-Length: 2\r\n\r\nok`))
      for (let i = 0; i < 2; i++) t.equal((await exchange(transport)).body, 'ok')
      t.equal(upstream.connections, 2)
    })
  }

  t.test('opens as many connections as it may, the rest wait in order', async (t) => {
    let most = 0
    let busy = 0
    const order: string[] = []
    const { transport, upstream } = await against(
      t,
      subject,
      async (peer) => {
        for (;;) {
          order.push((await peer.head()).split(' ')[1] ?? '')
          most = Math.max(most, ++busy)
          await peer.wait(5)
          busy--
          peer.send(OK)
        }
      },
      { max: 2 }
    )
    const all = Array.from({ length: 10 }, (_, i) => exchange(transport, { path: `/${i}` }))
    for (const sink of await Promise.all(all)) t.equal(sink.body, 'ok')
    t.equal(upstream.connections, 2)
    t.equal(most, 2)
    t.same(order.toSorted(), order, 'first come, first served')
  })

  t.test(`refuses at once when ${MAX_WAITING} wait already`, async (t) => {
    const { transport } = await against(t, subject, async (peer) => void (await peer.head()), { max: 1 })
    const first = send(transport)
    const waiting = Array.from({ length: MAX_WAITING }, () => send(transport))
    const refused = send(transport)
    await refused.sink.done
    t.match(refused.sink.fault, { kind: 'overload', sent: false })
    t.equal(waiting.filter(({ sink }) => sink.fault !== null).length, 0)
    waiting[0]?.call.abort()
    const late = send(transport)
    await pause(5)
    t.equal(late.sink.fault, null, 'one that gave up left its place')
    for (const { call } of [...waiting, late, first]) call.abort()
  })

  t.test('refuses one that waited too long', async (t) => {
    const { transport } = await against(t, subject, async (peer) => void (await peer.head()), {
      max: 1,
      timeouts: { connect: 100 }
    })
    const first = send(transport)
    const sink = await exchange(transport)
    t.match(sink.fault, { kind: 'overload', sent: false })
    first.call.abort()
  })

  t.test('takes the targets in turn', async (t) => {
    const upstreams = await Promise.all(
      ['a', 'b', 'c'].map((name) => scripted(t, always(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${name}`)))
    )
    const transport = subject.make(plan(upstreams))
    const bodies: string[] = []
    for (let i = 0; i < 6; i++) bodies.push((await exchange(transport)).body)
    t.equal(bodies.toSorted().join(''), 'aabbcc')
    t.equal(new Set(bodies.slice(0, 3)).size, 3)
    t.match(send(transport).call.target, /^127\.0\.0\.1:\d+$/)
  })

  t.test('a refused connection is a fault for which nothing was sent', async (t) => {
    const { transport, upstream } = await against(t, subject, always(OK))
    const closed = await scripted(t, always(OK))
    const transportToNobody = subject.make(plan([{ ...closed, port: 1, origin: 'http://127.0.0.1:1' }]))
    const sink = await exchange(transportToNobody, { method: 'POST', body: 'x' })
    t.match(sink.fault, { kind: 'connect', sent: false })
    t.match(sink.fault?.detail, /127\.0\.0\.1:1\b.*ECONNREFUSED/)
    t.same(sink.violations, [])
    t.ok((await exchange(transport)).ended)
    t.equal(upstream.connections, 1)
    const again = await exchange(transportToNobody)
    t.match(again.fault, { kind: 'connect', sent: false })
  })

  t.test('a name that does not resolve is a fault', async (t) => {
    const transport = subject.make(
      plan([{ host: 'nothing.invalid', port: 80, origin: 'http://nothing.invalid' }], { timeouts: { connect: 3_000 } })
    )
    const sink = await exchange(transport)
    t.match(sink.fault, { kind: /^connect/, sent: false })
  })

  t.test('the keep-alive race', async (t) => {
    /** Answers the first request of the first connection, and closes it when the second request comes. */
    const racing = (t: Test, how: 'finish' | 'reset', reply = '') =>
      against(t, subject, async (peer, nth) => {
        await peer.head()
        peer.send(OK)
        await peer.head()
        if (nth === 0) {
          if (reply !== '') {
            peer.send(reply)
            await peer.wait(10)
          }
          return peer[how]()
        }
        peer.send(OK)
      })

    for (const how of ['finish', 'reset'] as const) {
      t.test(`a reused connection that dies unanswered (${how}) is replaced, once`, async (t) => {
        const { transport, upstream } = await racing(t, how)
        for (let i = 0; i < 2; i++) {
          const sink = await exchange(transport)
          t.equal(sink.body, 'ok')
          t.same(sink.violations, [])
        }
        t.equal(upstream.connections, 2)
      })
    }

    t.test('not for a POST', async (t) => {
      const { transport, upstream } = await racing(t, 'reset')
      t.ok((await exchange(transport)).ended)
      t.match((await exchange(transport, { method: 'POST' })).fault, { kind: 'reset', sent: true })
      t.equal(upstream.connections, 1)
    })

    t.test('not for a request with a body', async (t) => {
      const { transport, upstream } = await racing(t, 'reset')
      t.ok((await exchange(transport)).ended)
      t.match((await exchange(transport, { method: 'PUT', body: 'x' })).fault, { kind: 'reset', sent: true })
      t.equal(upstream.connections, 1)
    })

    t.test('not when a part of the answer had come', async (t) => {
      const { transport, upstream } = await racing(t, 'finish', 'HTTP/1.1 20')
      t.ok((await exchange(transport)).ended)
      t.match((await exchange(transport)).fault, { kind: 'reset', sent: true })
      t.equal(upstream.connections, 1)
    })

    t.test('not when the connection was new', async (t) => {
      const { transport, upstream } = await against(t, subject, async (peer) => {
        await peer.head()
        peer.reset()
      })
      t.match((await exchange(transport)).fault, { kind: 'reset', sent: true })
      t.equal(upstream.connections, 1)
    })

    t.test('not twice', async (t) => {
      const { transport, upstream } = await against(t, subject, async (peer, nth) => {
        await peer.head()
        if (nth > 0) return peer.reset()
        peer.send(OK)
        await peer.head()
        peer.reset()
      })
      t.ok((await exchange(transport)).ended)
      t.match((await exchange(transport)).fault, { kind: 'reset', sent: true })
      t.equal(upstream.connections, 2)
    })
  })

  t.test('abort', async (t) => {
    t.test('before the connection is there', async (t) => {
      const { transport } = await against(t, subject, always(OK))
      const { call, sink } = send(transport)
      call.abort()
      call.abort()
      await pause(30)
      t.notOk(sink.ended)
      t.equal(sink.fault, null)
      t.equal((await exchange(transport)).body, 'ok')
    })

    t.test('while it waits for one', async (t) => {
      const { transport, upstream } = await against(
        t,
        subject,
        async (peer) => {
          for (;;) {
            await peer.head()
            await peer.wait(20)
            peer.send(OK)
          }
        },
        { max: 1 }
      )
      const first = send(transport)
      const second = send(transport)
      const third = send(transport)
      second.call.abort()
      await Promise.all([first.sink.done, third.sink.done])
      t.equal(third.sink.body, 'ok')
      t.equal(second.sink.status, 0)
      t.equal(upstream.connections, 1)
    })

    t.test('during the upload, the answer, or a pause: the target sees the connection go', async (t) => {
      for (const when of ['upload', 'answer', 'pause'] as const) {
        const { transport, upstream } = await against(t, subject, async (peer, nth) => {
          await peer.head()
          if (when !== 'upload') peer.send('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart')
          if (nth > 0) peer.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
          await peer.closed()
        })
        const { call, sink } = send(transport, when === 'upload' ? { method: 'POST', bodyLength: 100 } : {})
        if (when === 'upload') call.write(Buffer.from('part'))
        if (when === 'pause') sink.onChunk = () => false
        await eventually(() => upstream.open === 1 && (when === 'upload' || sink.body === 'part'))
        t.equal(upstream.open, 1)
        call.abort()
        t.equal(call.write(Buffer.from('x')), true)
        call.end()
        call.resume()
        await eventually(() => upstream.open === 0)
        t.equal(upstream.open, 0, when)
        t.notOk(sink.ended)
        t.equal(sink.fault, null)
        t.equal(sink.body, when === 'upload' ? '' : 'part')
      }
    })

    t.test('from within a callback', async (t) => {
      const { transport } = await against(
        t,
        subject,
        always('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n')
      )
      for (const where of ['head', 'data'] as const) {
        const { call, sink } = send(transport)
        if (where === 'head') sink.onHeadSeen = () => call.abort()
        else {
          sink.onChunk = () => {
            call.abort()
            return false
          }
        }
        await eventually(() => (where === 'head' ? sink.status === 200 : sink.body === 'a'))
        await pause(20)
        t.equal(sink.body, where === 'head' ? '' : 'a')
        t.notOk(sink.ended)
        t.equal(sink.fault, null)
      }
    })

    t.test('after the end: nothing', async (t) => {
      const { transport, upstream } = await against(t, subject, always(OK))
      const { call, sink } = send(transport)
      await sink.done
      call.abort()
      t.equal((await exchange(transport)).body, 'ok')
      t.equal(upstream.connections, 1)
      t.same(sink.violations, [])
    })

    t.test('leaves nothing behind: a thousand given up, and the pool is as before', async (t) => {
      const { transport, upstream } = await against(
        t,
        subject,
        async (peer) => {
          for (;;) {
            if ((await peer.head()).startsWith('GET /ok')) peer.send(OK)
          }
        },
        { max: 4 }
      )
      for (let i = 0; i < 1000; i++) {
        const { call } = send(transport)
        if (i % 3 === 0) await pause(0)
        call.abort()
      }
      const sinks = await Promise.all(Array.from({ length: 8 }, () => exchange(transport, { path: '/ok' })))
      for (const sink of sinks) t.equal(sink.body, 'ok')
      await eventually(() => upstream.open <= 4)
      t.ok(upstream.open <= 4, `${upstream.open} connections open`)
    })
  })

  t.test('close lets exchanges finish, closes idle connections, and takes no more', async (t) => {
    let idleGone = false
    const { transport, upstream } = await against(t, subject, async (peer) => {
      for (;;) {
        const head = await peer.head()
        if (head.includes('/slow')) await eventually(() => idleGone)
        peer.send(OK)
      }
    })
    const slow = send(transport, { path: '/slow' })
    t.ok((await exchange(transport)).ended)
    t.equal(upstream.open, 2)
    const closing = transport.close()
    const late = await exchange(transport)
    t.match(late.fault, { kind: 'connect', sent: false })
    t.same(late.violations, [])
    await eventually(() => upstream.open === 1)
    t.equal(upstream.open, 1, 'the idle one is gone')
    idleGone = true
    await closing
    t.equal(slow.sink.body, 'ok')
    await eventually(() => upstream.open === 0)
    t.equal(upstream.open, 0)
    await transport.close()
  })
}
