import type { Test } from 'tap'
import { eventually, exchange, send } from '../recorder.ts'
import { always } from '../scripted.ts'
import { against, type Subject } from './subject.ts'

export async function answers(t: Test, subject: Subject): Promise<void> {
  /** The answer that comes of `bytes`, sent in pieces of `size`, closed behind it when `finish`. */
  const answerTo = async (t: Test, bytes: string, more: { method?: string; size?: number; finish?: boolean } = {}) => {
    const { transport } = await against(t, subject, async (peer) => {
      await peer.head()
      if (more.size === undefined) peer.send(bytes)
      else await peer.drip(bytes, more.size)
      if (more.finish === true) peer.finish()
    })
    const sink = await exchange(transport, { method: more.method ?? 'GET' })
    t.same(sink.violations, [])
    return sink
  }

  t.test('hands on status, fields in order and body', async (t) => {
    const sink = await answerTo(
      t,
      'HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nSet-Cookie: a=1\r\nX-Padded: \t v w \t \r\nSet-Cookie: b=2\r\nEmpty:\r\nContent-Length: 5\r\n\r\nhello'
    )
    t.equal(sink.status, 201)
    t.equal(
      sink.headers.join('|'),
      'content-type|text/plain|set-cookie|a=1|x-padded|v w|set-cookie|b=2|empty||content-length|5'
    )
    t.equal(sink.body, 'hello')
    t.ok(sink.ended)
  })

  t.test('keeps bytes above 0x7f of a value, one char each', async (t) => {
    const sink = await answerTo(t, 'HTTP/1.1 200 OK\r\nX-Name: J\xf6rg \xe2\x82\xac\r\nContent-Length: 0\r\n\r\n')
    t.equal(sink.headers[1], 'J\xf6rg \xe2\x82\xac')
  })

  t.test('removes hop-by-hop fields and those that Connection names', async (t) => {
    const sink = await answerTo(
      t,
      'HTTP/1.1 200 OK\r\nConnection: X-Private, Content-Length\r\nX-Private: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\n' +
        'Connection: X-Other\r\nX-Other: 2\r\nTrailer: X-Sum\r\nTE: x\r\nUpgrade: h2c\r\nProxy-Authenticate: Basic\r\nX-Public: 3\r\nContent-Length: 2\r\n\r\nok'
    )
    t.same(sink.headers, ['x-public', '3', 'content-length', '2'])
    t.equal(sink.body, 'ok')
  })

  t.test('decodes chunks, forgets extensions and drops trailers', async (t) => {
    const sink = await answerTo(
      t,
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5;name=value;q="a;b"\r\nhello\r\n00A\r\n, upstream\r\n0\r\nX-Trailer: 1\r\n\r\n'
    )
    t.same(sink.headers, [])
    t.equal(sink.body, 'hello, upstream')
    t.ok(sink.ended)
  })

  t.test('reads until the end of the connection when nothing says where the body ends', async (t) => {
    const sink = await answerTo(t, 'HTTP/1.1 200 OK\r\nX: y\r\n\r\nall of it', { finish: true })
    t.same(sink.headers, ['x', 'y'])
    t.equal(sink.body, 'all of it')
    t.ok(sink.ended)
  })

  for (const [name, method, head] of [
    ['HEAD', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'],
    ['HEAD, chunked', 'HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['HEAD without a length', 'HEAD', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['304 with a length', 'GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'],
    ['304, chunked', 'GET', 'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['a length of 0', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
    ['an empty chunked body', 'GET', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n']
  ] as const) {
    t.test(`ends at once: ${name}`, async (t) => {
      const sink = await answerTo(t, head, { method })
      t.equal(sink.bytes, 0)
      t.ok(sink.ended)
      t.equal(sink.headers.includes('content-length'), head.includes('Content-Length'), 'a length is kept')
    })
  }

  t.test('skips interim answers', async (t) => {
    const sink = await answerTo(
      t,
      'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
    )
    t.equal(sink.status, 200)
    t.same(sink.headers, ['content-length', '2'])
    t.equal(sink.body, 'ok')
  })

  t.test('skips a 100 that nobody asked for', async (t) => {
    const sink = await answerTo(t, 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    if (subject.quirks.refusesContinue === true) t.match(sink.fault, { kind: 'invalid', sent: true })
    else t.equal(sink.body, 'ok')
  })

  t.test('takes HTTP/1.0 and an empty reason', async (t) => {
    const sink = await answerTo(t, 'HTTP/1.0 200 \r\n\r\nold', { finish: true })
    t.equal(sink.status, 200)
    t.equal(sink.body, 'old')
  })

  const SAMPLES: Record<string, { bytes: string; finish?: boolean; body: string }> = {
    'with a length': {
      bytes: 'HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 11\r\n\r\nhello world',
      body: 'hello world'
    },
    chunked: {
      bytes:
        'HTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n6;x=y\r\nhello \r\n5\r\nworld\r\n0\r\nT: u\r\n\r\n',
      body: 'hello world'
    },
    'close-delimited': { bytes: 'HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nhello world', finish: true, body: 'hello world' }
  }
  for (const [name, sample] of Object.entries(SAMPLES)) {
    t.test(`reads the same however it is cut into packets: ${name}`, async (t) => {
      for (const size of [1, 2, 3, 7, 50]) {
        const sink = await answerTo(t, sample.bytes, { size, finish: sample.finish === true })
        t.equal(sink.body, sample.body)
        t.equal(sink.headers[0], 'x-a')
        t.ok(sink.ended)
      }
    })
  }

  t.test('streams with back-pressure: a paused answer stalls the upstream, then all of it comes', async (t) => {
    const total = 32 * 1024 * 1024
    const piece = Buffer.alloc(64 * 1024, 'x')
    const written = { bytes: 0 }
    const { transport } = await against(t, subject, async (peer) => {
      await peer.head()
      peer.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
      while (written.bytes < total) {
        peer.send(`${piece.length.toString(16)}\r\n`)
        peer.send(piece)
        peer.send('\r\n')
        written.bytes += piece.length
        if (peer.socket.writableNeedDrain) await new Promise((resolve) => peer.socket.once('drain', resolve))
      }
      peer.send('0\r\n\r\n')
    })
    const { call, sink } = send(transport, {}, false)
    let pauses = 0
    sink.onChunk = () => {
      if (pauses > 0 && sink.bytes % (8 * 1024 * 1024) > 64 * 1024) return true
      pauses++
      setTimeout(
        () => {
          if (pauses === 1) t.ok(written.bytes < total / 2, `${written.bytes} bytes left the upstream while paused`)
          sink.resumed()
          call.resume()
        },
        pauses === 1 ? 100 : 1
      )
      return false
    }
    await sink.done
    t.equal(sink.bytes, total)
    t.ok(sink.ended)
    t.same(sink.violations, [])
  })

  t.test('a pause holds even when the upstream has closed meanwhile', async (t) => {
    const { transport } = await against(t, subject, async (peer) => {
      await peer.head()
      peer.send('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n')
      peer.send('first')
      await peer.wait(20)
      peer.send('second')
      peer.finish()
    })
    const { call, sink } = send(transport)
    sink.onChunk = () => sink.bytes > 5
    await eventually(() => sink.body === 'first')
    await new Promise((resolve) => setTimeout(resolve, 60))
    t.equal(sink.body, 'first')
    t.notOk(sink.ended)
    sink.resumed()
    call.resume()
    await sink.done
    t.equal(sink.body, 'firstsecond')
    t.ok(sink.ended)
    t.same(sink.violations, [])
  })

  t.test('a pause holds within one packet of many chunks', async (t) => {
    const chunks = Array.from({ length: 20 }, (_, i) => `1\r\n${String.fromCharCode(97 + i)}\r\n`).join('')
    const { transport, upstream } = await against(
      t,
      subject,
      always(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`)
    )
    const { call, sink } = send(transport)
    sink.onChunk = () => {
      setImmediate(() => {
        sink.resumed()
        call.resume()
      })
      return false
    }
    await sink.done
    t.equal(sink.body, 'abcdefghijklmnopqrst')
    t.same(sink.violations, [])
    t.ok((await exchange(transport)).ended)
    t.equal(upstream.connections, 1, 'the connection is as good as before')
  })
}
