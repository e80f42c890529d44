import { gzipSync } from 'node:zlib'
import type { Test } from 'tap'
import { RepeatedFields } from '../../../src/repeated-fields.ts'
import { exchange, send, eventually } from '../recorder.ts'
import { always, type Peer } from '../scripted.ts'
import { against, type Subject } from './subject.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

export async function requests(t: Test, subject: Subject): Promise<void> {
  t.test('sends target, Host and fields as they are', async (t) => {
    let head = ''
    const { transport } = await against(t, subject, async (peer) => {
      head = await peer.head()
      peer.send(OK)
    })
    const sink = await exchange(transport, {
      path: '/a%20b/?q=1&q=2',
      headers: ['host', 'service.test:81', 'x-name', 'J\xf6rg', 'cookie', 'a=1', 'cookie', 'b=2', 'x-empty', '']
    })
    t.equal(sink.body, 'ok')
    const [line, ...fields] = head.split('\r\n')
    t.equal(line, 'GET /a%20b/?q=1&q=2 HTTP/1.1')
    t.ok(fields.includes('host: service.test:81'))
    t.ok(fields.includes('x-name: J\xf6rg'))
    t.same(
      fields.filter((field) => field.startsWith('cookie')),
      ['cookie: a=1', 'cookie: b=2']
    )
    t.ok(fields.some((field) => field.startsWith('x-empty:')))
    t.equal(fields.filter((field) => field.startsWith('host:')).length, 1)
    t.notMatch(head, /content-length|transfer-encoding|expect|user-agent|accept/i, 'nothing is added')
  })

  t.test('fields that come again are sent behind the others, each time the same', async (t) => {
    const heads: string[] = []
    const { transport } = await against(t, subject, async (peer) => {
      for (let i = 0; i < 3; i++) {
        heads.push(await peer.head())
        peer.send(OK)
      }
    })
    const caller = new RepeatedFields(['x-subject', 'u1', 'x-note', 'J\xf6rg, who calls again and again'])
    caller.again = true
    const origin = new RepeatedFields(['x-forwarded-for', '192.0.2.1'])
    for (let i = 0; i < 3; i++) {
      const headers = ['host', 'service.test', 'x-request-id', String(i)]
      t.ok((await exchange(transport, { headers, repeated: [caller, origin] })).ended)
    }
    const fields = heads.map((head) => head.split('\r\n').filter((line) => /^(x-|host)/.test(line)))
    const behind = ['x-subject: u1', 'x-note: J\xf6rg, who calls again and again', 'x-forwarded-for: 192.0.2.1']
    for (let i = 0; i < 3; i++) t.same(fields[i], ['host: service.test', `x-request-id: ${i}`, ...behind])
    t.equal(origin.lines, null, 'bytes are kept of what came before only')
  })

  t.test('says content-length: 0 where a body would be usual', async (t) => {
    let head = ''
    const { transport } = await against(t, subject, async (peer) => {
      head = await peer.head()
      peer.send(OK)
    })
    t.ok((await exchange(transport, { method: 'POST' })).ended)
    t.match(head, /\r\ncontent-length: 0\r\n/)
  })

  t.test('sends a body of known length', async (t) => {
    let head = ''
    let body = ''
    const { transport } = await against(t, subject, async (peer) => {
      head = await peer.head()
      body = await peer.bytes(11)
      peer.send(OK)
    })
    const { call, sink } = send(transport, { method: 'PUT', bodyLength: 11 })
    call.write(Buffer.from('hello '))
    setTimeout(() => {
      call.write(Buffer.from('world'))
      call.end()
    }, 10)
    await sink.done
    t.equal(sink.body, 'ok')
    t.match(head, /\r\ncontent-length: 11\r\n/)
    t.notMatch(head, /transfer-encoding/)
    t.equal(body, 'hello world')
    t.same(sink.violations, [])
  })

  for (const method of ['POST', 'DELETE', 'GET']) {
    t.test(`sends a body of unknown length in chunks: ${method}`, async (t) => {
      let head = ''
      let body = ''
      let onHead = (): void => {}
      const { transport } = await against(t, subject, async (peer) => {
        head = await peer.head()
        onHead()
        body = await peer.through('0\r\n\r\n')
        peer.send(OK)
      })
      const { call, sink } = send(transport, { method, bodyLength: -1 })
      // Only then: a body that is complete before it is sent may as well have a length.
      onHead = () => {
        call.write(Buffer.from('x'.repeat(26)))
        call.end()
      }
      call.write(Buffer.from('hello'))
      call.write(Buffer.alloc(0))
      await sink.done
      t.equal(sink.body, 'ok')
      t.match(head, /\r\ntransfer-encoding: chunked\r\n/)
      t.notMatch(head, /content-length/)
      t.equal(body, `5\r\nhello\r\n1a\r\n${'x'.repeat(26)}\r\n0\r\n\r\n`)
    })
  }

  t.test('a chunked body that turns out empty is still a whole request', async (t) => {
    const { transport } = await against(t, subject, async (peer) => {
      const head = await peer.head()
      if (head.includes('transfer-encoding')) await peer.through('0\r\n\r\n')
      peer.send(OK)
    })
    const { call, sink } = send(transport, { method: 'POST', bodyLength: -1 })
    call.end()
    await sink.done
    t.equal(sink.body, 'ok')
  })

  for (const framing of ['sized', 'chunked'] as const) {
    t.test(`copies what it is given (${framing}): the bytes may change once write has returned`, async (t) => {
      const sizes = [1_000, 20_000, 65_536, 150_000]
      const total = sizes.reduce((sum, size) => sum + size, 0)
      const whole = sizes.map((size, i) => 'abcd'.charAt(i).repeat(size)).join('')
      const bodies: string[] = []
      let onHead = (): void => undefined
      const { transport } = await against(t, subject, async (peer) => {
        // Over a connection that is yet to be opened, and over one that stands there.
        for (let request = 0; request < 2; request++) {
          await peer.head()
          onHead()
          bodies.push(framing === 'sized' ? await peer.bytes(total) : unchunked(await peer.through('\r\n0\r\n\r\n')))
          peer.send(OK)
        }
      })
      const chunk = Buffer.alloc(Math.max(...sizes))
      for (let request = 0; request < 2; request++) {
        const { call, sink } = send(transport, { method: 'POST', bodyLength: framing === 'sized' ? total : -1 })
        // Only then: a body that is complete before it is sent may as well have a length.
        onHead = () => call.end()
        for (const [i, size] of sizes.entries()) {
          chunk.fill('abcd'.charAt(i))
          call.write(chunk.subarray(0, size))
        }
        chunk.fill('!')
        await sink.done
        t.ok(bodies[request] === whole, 'what was written arrived')
      }
    })
  }

  t.test('streams with back-pressure: a target that reads nothing stops the writer', async (t) => {
    const total = 32 * 1024 * 1024
    let reading = false
    let received = ''
    const { transport } = await against(t, subject, async (peer) => {
      await peer.head()
      peer.stall()
      await peer.wait(80)
      reading = true
      peer.socket.resume()
      received = await peer.bytes(total)
      peer.send(OK)
    })
    const { call, sink } = send(transport, { method: 'POST', bodyLength: total })
    const chunk = Buffer.alloc(64 * 1024, 'x')
    let written = 0
    const pump = (): void => {
      while (written < total) {
        written += chunk.length
        if (!call.write(chunk)) return
      }
      call.end()
    }
    sink.onDrained = () => {
      if (!reading) t.ok(written < total / 2)
      pump()
    }
    pump()
    t.ok(written < total, 'the writer was told to wait')
    await sink.done
    t.equal(sink.body, 'ok')
    t.equal(received.length, total)
    t.ok(sink.drains > 0)
    t.same(sink.violations, [])
  })

  t.test('an answer that comes during the upload is whole, and ends the upload', async (t) => {
    const { transport, upstream } = await against(t, subject, async (peer, nth) => {
      await peer.head()
      if (nth === 0) {
        await peer.bytes(5)
        peer.send('HTTP/1.1 413 Content Too Large\r\nContent-Length: 7\r\n\r\ntoo ')
        await peer.wait(10)
        peer.send('big')
      } else peer.send(OK)
      await peer.closed()
    })
    const { call, sink } = send(transport, { method: 'POST', bodyLength: 1_000_000 })
    call.write(Buffer.from('hello'))
    await sink.done
    t.equal(sink.status, 413)
    t.equal(sink.body, 'too big')
    t.ok(sink.ended)
    t.equal(call.write(Buffer.from('more')), true, 'later writes are ignored')
    call.end()
    await eventually(() => upstream.open === 0)
    t.equal(upstream.open, 0, 'half a request leaves no connection behind')
    t.equal((await exchange(transport)).body, 'ok')
    t.equal(upstream.connections, 2)
    t.same(sink.violations, [])
  })

  t.test('an answer may stream while the upload streams', async (t) => {
    const { transport } = await against(t, subject, async (peer) => {
      await peer.head()
      peer.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
      for (let i = 0; i < 3; i++) peer.send(`1\r\n${await peer.bytes(1)}\r\n`)
      peer.send('0\r\n\r\n')
    })
    const { call, sink } = send(transport, { method: 'POST', bodyLength: 3 })
    const letters = ['a', 'b', 'c']
    const next = (): boolean => {
      const letter = letters.shift()
      if (letter === undefined) return true
      call.write(Buffer.from(letter))
      if (letters.length === 0) call.end()
      return true
    }
    next()
    sink.onChunk = () => {
      setImmediate(next)
      return true
    }
    await sink.done
    t.equal(sink.body, 'abc')
    t.same(sink.violations, [])
  })

  t.test('a compressed body passes untouched', async (t) => {
    const zipped = gzipSync('hello').toString('latin1')
    const { transport } = await against(t, subject, async (peer) => {
      await peer.head()
      peer.send(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${zipped.length}\r\n\r\n${zipped}`)
    })
    const sink = await exchange(transport, { headers: ['host', 'a.test', 'accept-encoding', 'gzip'] })
    t.equal(sink.body, zipped)
    t.same(sink.headers, ['content-encoding', 'gzip', 'content-length', String(zipped.length)])
  })

  for (const [name, ...pieces] of [
    ['shorter', 'hell'],
    ['longer', 'hello!'],
    ['shorter, in pieces', 'he', 'll'],
    ['longer, in pieces', 'he', 'llo!']
  ] as const) {
    t.test(`a body ${name} than was said never looks whole to the target`, async (t) => {
      let peer: Peer | undefined
      const { transport, upstream } = await against(t, subject, (accepted) => {
        peer = accepted
      })
      const { call, sink } = send(transport, { method: 'POST', bodyLength: 5 })
      for (const piece of pieces) {
        call.write(Buffer.from(piece))
        await pause(10)
      }
      call.end()
      await sink.done
      t.match(sink.fault, { kind: 'invalid' })
      await eventually(() => upstream.open === 0 || peer?.received === '')
      t.notMatch(peer?.received, /hello/)
      t.ok(upstream.open === 0 || peer?.received === '', 'a connection with half a request on it is gone')
      t.same(sink.violations, [])
    })
  }

  t.test('a request that cannot be sent is a fault, not an exception', async (t) => {
    const { transport, upstream } = await against(t, subject, always(OK))
    for (const headers of [
      ['transfer-encoding', 'chunked'],
      ['keep-alive', 'timeout=5'],
      ['upgrade', 'h2c'],
      ['expect', '100-continue'],
      ['connection', 'a(b)'],
      ['content-length', '5', 'content-length', '5'],
      ['content-length', 'five'],
      ['host', 'a.test', 'host', 'b.test'],
      ['x', 'a\r\nb: c'],
      ['x', '\u20ac'],
      ['x y', 'z'],
      ['x']
    ]) {
      const sink = await exchange(transport, { headers })
      t.match(sink.fault, { kind: 'invalid', sent: false }, JSON.stringify(headers))
      t.same(sink.violations, [])
    }
    for (const list of [
      ['x', 'a\r\nb: c'],
      ['x', '\u20ac'],
      ['transfer-encoding', 'chunked'],
      ['host', 'b.test'],
      ['x']
    ]) {
      const repeated = new RepeatedFields(list)
      repeated.again = true
      for (let i = 0; i < 2; i++) {
        const sink = await exchange(transport, { repeated: [repeated] })
        t.match(sink.fault, { kind: 'invalid', sent: false }, JSON.stringify(list))
        t.equal(repeated.lines, null, 'nothing is kept of what cannot be sent')
      }
    }
    for (const path of ['no-slash', '/a b', '/\u20ac']) {
      t.match((await exchange(transport, { path })).fault, { kind: 'invalid', sent: false }, path)
    }
    t.match((await exchange(transport, { method: 'G(T' })).fault, { kind: 'invalid', sent: false })
    t.ok((await exchange(transport)).ended, 'none of them blocked the way')
    t.equal(upstream.connections, 1)
  })

  t.test('an aborted request that could not be sent stays silent', async (t) => {
    const { transport } = await against(t, subject, always(OK))
    const { call, sink } = send(transport, { headers: ['upgrade', 'h2c'] })
    call.abort()
    await new Promise((resolve) => setTimeout(resolve, 20))
    t.equal(sink.fault, null)
  })
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** The data of a chunked body without trailers. */
function unchunked(body: string): string {
  let data = ''
  for (let at = 0; ;) {
    const end = body.indexOf('\r\n', at)
    const size = Number.parseInt(body.slice(at, end), 16)
    if (size === 0) return data
    data += body.slice(end + 2, end + 2 + size)
    at = end + 2 + size + 2
  }
}
