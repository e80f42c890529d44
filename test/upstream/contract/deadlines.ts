import { setDefaultCACertificates } from 'node:tls'
import type { Test } from 'tap'
import { certificate } from '../certificate.ts'
import { exchange, plan, send, eventually } from '../recorder.ts'
import { always, scripted } from '../scripted.ts'
import { against, type Subject } from './subject.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const HEAD = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n'

export async function deadlines(t: Test, subject: Subject): Promise<void> {
  t.jobs = 10
  t.test('a target that does not complete the connection', { buffered: true }, async (t) => {
    const mute = await scripted(t, () => {})
    const transport = subject.make(
      plan([{ ...mute, origin: mute.origin.replace('http:', 'https:') }], { timeouts: { connect: 150 } })
    )
    const began = performance.now()
    const sink = await exchange(transport, { method: 'POST', bodyLength: 5 })
    const took = performance.now() - began
    t.match(sink.fault, { kind: 'connect-timeout', sent: false })
    t.ok(took >= 145 && took < 10_000, `${took} ms`)
    t.same(sink.violations, [])
  })

  t.test('a target that does not answer', { buffered: true }, async (t) => {
    const { transport, upstream } = await against(t, subject, async (peer) => void (await peer.head()), {
      timeouts: { response: 150, idle: 60_000 }
    })
    const began = performance.now()
    const sink = await exchange(transport)
    const took = performance.now() - began
    t.match(sink.fault, { kind: 'response-timeout', sent: true })
    t.match(sink.fault?.detail, /150 ms/)
    t.ok(took >= 145 && took < 10_000, `${took} ms`)
    await eventually(() => upstream.open === 0)
    t.equal(upstream.open, 0)
  })

  t.test('interim answers buy no time', { buffered: true }, async (t) => {
    const { transport } = await against(
      t,
      subject,
      async (peer) => {
        await peer.head()
        for (let i = 0; i < 10; i++) {
          peer.send('HTTP/1.1 102 Processing\r\n\r\n')
          await peer.wait(40)
        }
      },
      { timeouts: { response: 150 } }
    )
    t.match((await exchange(transport)).fault, { kind: 'response-timeout' })
  })

  t.test('a target that falls silent within the answer', { buffered: true }, async (t) => {
    const { transport } = await against(
      t,
      subject,
      async (peer) => {
        await peer.head()
        peer.send(`${HEAD}part`)
      },
      { timeouts: { idle: 150, response: 60_000 } }
    )
    const sink = await exchange(transport)
    t.equal(sink.body, 'part')
    t.match(sink.fault, { kind: 'idle-timeout', sent: true })
  })

  t.test('a slow but steady answer passes', { buffered: true }, async (t) => {
    const { transport } = await against(
      t,
      subject,
      async (peer) => {
        await peer.head()
        peer.send('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n')
        for (let i = 0; i < 6; i++) {
          await peer.wait(60)
          peer.send('x')
        }
      },
      { timeouts: { idle: 300, response: 300 } }
    )
    t.equal((await exchange(transport)).body, 'xxxxxx')
  })

  t.test("a paused answer is not the target's silence", { buffered: true }, async (t) => {
    const { transport } = await against(
      t,
      subject,
      async (peer) => {
        await peer.head()
        peer.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no')
        await peer.wait(20)
        peer.send('k')
      },
      { timeouts: { idle: 100 } }
    )
    const { call, sink } = send(transport)
    sink.onChunk = () => sink.bytes > 1
    await new Promise((resolve) => setTimeout(resolve, 350))
    t.equal(sink.fault, null)
    sink.resumed()
    call.resume()
    await sink.done
    t.equal(sink.body, 'ok')
  })

  t.test("a slow client is not the target's silence", { buffered: true }, async (t) => {
    const { transport } = await against(
      t,
      subject,
      async (peer) => {
        await peer.head()
        await peer.bytes(4)
        peer.send(OK)
      },
      { timeouts: { idle: 100, response: 100 } }
    )
    const { call, sink } = send(transport, { method: 'POST', bodyLength: 4 })
    for (const letter of 'slow') {
      await new Promise((resolve) => setTimeout(resolve, 120))
      call.write(Buffer.from(letter))
    }
    call.end()
    await sink.done
    t.equal(sink.body, 'ok')
  })

  t.test('a target that stops reading the body', { buffered: true }, async (t) => {
    const { transport } = await against(
      t,
      subject,
      async (peer) => {
        await peer.head()
        peer.stall()
      },
      { timeouts: { idle: 150, response: 60_000 } }
    )
    const { call, sink } = send(transport, { method: 'POST', bodyLength: 64 * 1024 * 1024 })
    const chunk = Buffer.alloc(64 * 1024)
    const pump = (): void => {
      while (call.write(chunk) && sink.fault === null);
    }
    sink.onDrained = pump
    pump()
    await sink.done
    t.match(sink.fault, { kind: 'idle-timeout', sent: true })
  })

  t.test('TLS', { buffered: true }, async (t) => {
    const ours = await certificate()
    const theirs = await certificate()
    setDefaultCACertificates([ours.cert])

    t.test('a target with a trusted certificate is used, and its connection kept', async (t) => {
      const { transport, upstream } = await against(t, subject, always(OK), { tls: ours })
      for (let i = 0; i < 3; i++) {
        const sink = await exchange(transport, { headers: ['host', `other-${i}.test`] })
        t.equal(sink.body, 'ok', JSON.stringify(sink.fault))
      }
      t.equal(upstream.connections, 1, 'whatever Host says')
    })

    t.test('a body goes both ways', async (t) => {
      const { transport } = await against(
        t,
        subject,
        async (peer) => {
          await peer.head()
          const body = await peer.bytes(300_000)
          peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
        },
        { tls: ours }
      )
      const body = 'x'.repeat(300_000)
      const sink = await exchange(transport, { method: 'POST', body })
      t.equal(sink.body, body)
    })

    t.test('an unknown certificate is refused', async (t) => {
      const { transport } = await against(t, subject, always(OK), { tls: theirs })
      const sink = await exchange(transport)
      t.match(sink.fault, { kind: 'connect', sent: false })
      t.match(sink.fault?.detail, /certificate/i)
    })

    t.test('a certificate for another name is refused, even one that Host names', async (t) => {
      const upstream = await scripted(t, always(OK), ours)
      const transport = subject.make(
        plan([{ ...upstream, host: '127.0.0.2', origin: upstream.origin.replace('127.0.0.1', '127.0.0.2') }])
      )
      const sink = await exchange(transport, { headers: ['host', 'localhost'] })
      t.match(sink.fault, { kind: 'connect', sent: false })
    })

    t.test('a plain server behind https is refused', async (t) => {
      const plain = await scripted(t, (peer) => peer.send('HTTP/1.1 400 Bad Request\r\n\r\n'))
      const transport = subject.make(plan([{ ...plain, origin: plain.origin.replace('http:', 'https:') }]))
      t.match((await exchange(transport)).fault, { kind: 'connect', sent: false })
    })
  })
}
