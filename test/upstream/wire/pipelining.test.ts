import t, { type Test } from 'tap'
import { SLOW } from '../../../src/upstream/pipelining.ts'
import type { UpstreamRequest } from '../../../src/upstream/transport.ts'
import { MAX_DRAINED } from '../../../src/upstream/wire/connection.ts'
import { WireTransport } from '../../../src/upstream/wire/transport.ts'
import { eventually, exchange, plan, type Recorder, send, type Sent } from '../recorder.ts'
import { type Peer, type Script, scripted } from '../scripted.ts'

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const pathOf = (head: string): string => head.split(' ')[1] ?? ''
const ok = (body: string, more = ''): string =>
  `HTTP/1.1 200 OK\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`

/** A transport that pipelines, to an upstream whose first connection has answered one request already. */
async function proven(t: Test, script: Script, more: Parameters<typeof plan>[1] = {}) {
  const upstream = await scripted(t, async (peer, nth) => {
    if (nth === 0) {
      await peer.head()
      peer.send(ok('proven'))
    }
    await script(peer, nth)
  })
  const transport = new WireTransport(plan([upstream], { pipelining: 8, ...more }))
  t.equal((await exchange(transport, { path: '/first' })).body, 'proven')
  return { upstream, transport }
}

/** Sends GETs of these paths in one turn. */
const sendAll = (transport: WireTransport, ...paths: string[]): Sent[] => paths.map((path) => send(transport, { path }))

const ended = (sent: Sent[]): Promise<unknown> => Promise.all(sent.map(({ sink }) => sink.done))
const bodies = (sent: Sent[]): string[] => sent.map(({ sink }) => sink.body)
const violations = (sent: Sent[]): string[] => sent.flatMap(({ sink }) => sink.violations)

/** Reads `count` requests and returns their paths. */
async function take(peer: Peer, count: number): Promise<string[]> {
  const paths: string[] = []
  for (let i = 0; i < count; i++) paths.push(pathOf(await peer.head()))
  return paths
}

/** Answers each request with its path. */
const echo = async (peer: Peer): Promise<void> => {
  for (;;) {
    const head = await peer.head()
    const path = pathOf(head)
    peer.send(head.startsWith('HEAD') ? ok(path).slice(0, -path.length) : ok(path))
  }
}

/** Whether two GETs of one turn share a connection: whether the transport pipelines (still). All must be answered. */
async function pipelines(t: Test, transport: WireTransport, seen: { most: number }): Promise<boolean> {
  t.equal((await exchange(transport, { path: '/before' })).body, '/before')
  seen.most = 0
  const sent = sendAll(transport, '/p', '/q')
  await ended(sent)
  t.same(bodies(sent), ['/p', '/q'])
  return seen.most > 1
}

/** Answers like echo, and notes how many requests a packet brought at most. */
function watched(seen: { most: number }): Script {
  return async (peer) => {
    peer.socket.on('data', (text: string) => {
      seen.most = Math.max(seen.most, text.split('\r\n\r\n').length - 1)
    })
    await echo(peer)
  }
}

t.test('GET and HEAD of one turn leave in one packet, and each gets its own answer', async (t) => {
  const packets: string[] = []
  const { transport, upstream } = await proven(t, async (peer) => {
    peer.socket.on('data', (text: string) => packets.push(text))
    await echo(peer)
  })
  const sent = [
    send(transport, { path: '/a' }),
    send(transport, { path: '/bb', method: 'HEAD' }),
    send(transport, { path: '/ccc' })
  ]
  await ended(sent)
  t.same(bodies(sent), ['/a', '', '/ccc'])
  t.same(
    sent.map(({ sink }) => sink.headers[1]),
    ['2', '3', '4']
  )
  t.equal(packets.length, 1)
  t.equal(upstream.connections, 1)
  t.same(violations(sent), [])
})

t.test('what a connection that dies could not answer goes to new ones, not to idle ones of the same age', async (t) => {
  const upstream = await scripted(t, async (peer, nth) => {
    for (;;) {
      const path = pathOf(await peer.head())
      if (path === '/old' || nth >= 2) peer.send(ok(path))
      else if (path === '/q') return peer.reset()
      else {
        t.equal(pathOf(await peer.head()), '/q')
        return peer.finish()
      }
    }
  })
  const transport = new WireTransport(plan([upstream], { pipelining: 8, max: 4 }))
  await Promise.all([1, 2].map(() => exchange(transport, { path: '/old', method: 'POST' })))
  t.equal(upstream.connections, 2)
  const sent = sendAll(transport, '/p', '/q')
  await ended(sent)
  t.same(bodies(sent), ['/p', '/q'])
})

t.test('a place behind another request is no share of what is scarce', async (t) => {
  const { transport, upstream } = await proven(t, echo, { max: 4 })
  const paths = Array.from({ length: 40 }, (_, i) => `/${i}`)
  const sent = paths.map((path) => send(transport, { path, client: { shareKey: 'a' } }))
  await ended(sent)
  t.same(bodies(sent), paths, 'more than three of four connections hold')
  t.ok(upstream.connections <= 3, `${upstream.connections} connections`)
})

t.test('answers are told apart however they are framed and cut', async (t) => {
  const answers = [
    ok('one'),
    'HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\nT: u\r\n\r\n',
    'HTTP/1.1 204 No Content\r\n\r\n',
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n',
    ok(''),
    ok('six')
  ]
  for (const size of [1, 2, 5, 17, 64, 1000]) {
    const { transport, upstream } = await proven(t, async (peer) => {
      await take(peer, answers.length)
      await peer.drip(answers.join(''), size)
    })
    const sent = sendAll(transport, ...answers.map((_, i) => `/${i}`))
    await ended(sent)
    t.same(bodies(sent), ['one', 'two', '', '', '', 'six'], `pieces of ${size}`)
    t.same(violations(sent), [])
    t.equal(upstream.connections, 1)
  }
})

t.test('by default each request has a connection to itself', async (t) => {
  const { transport, upstream } = await proven(t, echo, { pipelining: 1 })
  await ended(sendAll(transport, '/a', '/b', '/c'))
  t.equal(upstream.connections, 3)
})

t.test('a connection has to answer once before more than one request is sent', async (t) => {
  const upstream = await scripted(t, echo)
  const transport = new WireTransport(plan([upstream], { pipelining: 8 }))
  await ended(sendAll(transport, '/a', '/b'))
  t.equal(upstream.connections, 2)
  await ended(sendAll(transport, '/a', '/b', '/c', '/d'))
  t.equal(upstream.connections, 2)
})

t.test('no more than were allowed are under way on one connection, and the rest wait in order', async (t) => {
  const batches: string[][] = []
  const { transport, upstream } = await proven(
    t,
    async (peer) => {
      for (;;) {
        const batch = await take(peer, 2)
        await peer.wait(5)
        t.equal(peer.received, '', 'nothing more comes before an answer')
        batches.push(batch)
        for (const path of batch) peer.send(ok(path))
      }
    },
    { pipelining: 2, max: 1 }
  )
  const paths = ['/a', '/b', '/c', '/d', '/e', '/f']
  const sent = sendAll(transport, ...paths)
  await ended(sent)
  t.same(bodies(sent), paths)
  t.same(batches.flat(), paths)
  t.equal(upstream.connections, 1)
})

const NOT_PIPELINED: Record<string, Partial<UpstreamRequest> & { body?: string }> = {
  POST: { method: 'POST' },
  'PUT without a body': { method: 'PUT' },
  DELETE: { method: 'DELETE' },
  OPTIONS: { method: 'OPTIONS' },
  'GET with a body': { method: 'GET', body: 'x' },
  'GET with a body of unknown length': { method: 'GET', body: 'x', bodyLength: -1 }
}
for (const [name, request] of Object.entries(NOT_PIPELINED)) {
  t.test(`${name} is sent behind nothing, and nothing behind it`, async (t) => {
    const lines: string[] = []
    const { transport } = await proven(t, async (peer, nth) => {
      for (;;) {
        const head = await peer.head()
        lines.push(`${nth} ${pathOf(head)}`)
        if (/chunked/.test(head)) await peer.through('0\r\n\r\n')
        else if (/content-length: 1/.test(head)) await peer.bytes(1)
        await peer.wait(5)
        peer.send(ok(pathOf(head)))
      }
    })
    const sent = [...sendAll(transport, '/a'), send(transport, { ...request, path: '/x' }), ...sendAll(transport, '/b')]
    await ended(sent)
    t.same(bodies(sent), ['/a', '/x', '/b'])
    const connection = (path: string): string | undefined => lines.find((line) => line.endsWith(path))?.split(' ')[0]
    t.not(connection('/x'), connection('/a'))
    t.not(connection('/x'), connection('/b'))
    t.equal(connection('/a'), connection('/b'), 'those that may share, share')
  })
}

t.test('a request that waits for a free connection is not overtaken by those that need none', async (t) => {
  const order: string[] = []
  const { transport } = await proven(
    t,
    async (peer) => {
      for (;;) {
        const path = pathOf(await peer.head())
        order.push(path)
        await peer.wait(5)
        peer.send(ok(path))
      }
    },
    { max: 1 }
  )
  const sent = [
    ...sendAll(transport, '/a', '/b'),
    send(transport, { path: '/post', method: 'POST' }),
    ...sendAll(transport, '/c', '/d')
  ]
  await ended(sent)
  t.same(order, ['/a', '/b', '/post', '/c', '/d'])
})

t.test('nothing is sent behind an answer that is slow', async (t) => {
  let release = (): void => {}
  const slow = new Promise<void>((resolve) => {
    release = resolve
  })
  const first: string[] = []
  const { transport } = await proven(t, async (peer, nth) => {
    for (;;) {
      const path = pathOf(await peer.head())
      if (nth === 0) {
        first.push(path)
        await slow
      }
      peer.send(ok(path))
    }
  })
  const sent = sendAll(transport, '/slow')
  await eventually(() => first.length === 1)
  await pause(SLOW + 10)
  t.equal((await exchange(transport, { path: '/quick' })).body, '/quick')
  release()
  await ended(sent)
  t.same(bodies(sent), ['/slow'])
  t.same(first, ['/slow'])
})

for (const [name, answer] of [
  ['a silent one', ''],
  ['a stream without end', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n'],
  ['one that the client does not read', ok('x'.repeat(100_000))]
] as const) {
  t.test(`what stands behind an answer for long (${name}) is sent again elsewhere`, async (t) => {
    const { transport, upstream } = await proven(t, async (peer, nth) => {
      if (nth > 0) return echo(peer)
      await take(peer, 3)
      peer.send(answer)
    })
    const sent = sendAll(transport, '/long', '/a', '/b')
    const [long, ...rest] = sent
    if (long !== undefined) long.sink.onChunk = () => !name.includes('does not read')
    await ended(rest)
    t.same(bodies(rest), ['/a', '/b'])
    t.notOk(long?.sink.ended)
    t.equal(long?.sink.fault, null, 'the one in front goes on')
    t.same(violations(sent), [])
    long?.call.abort()
    await eventually(() => upstream.open === 2)
    t.equal(upstream.open, 2, 'its connection carries nothing else afterwards')
  })
}

t.test('a connection that ends with answers outstanding', async (t) => {
  for (const [name, partial, front] of [
    ['before any', '', { body: '/a' }],
    ['between two', ok('/a'), { body: '/a' }],
    ['within one', ok('/a').slice(0, -1), { fault: 'reset' }]
  ] as const) {
    for (const how of ['finish', 'reset'] as const) {
      t.test(`${name} (${how}): those that got nothing are sent once more`, async (t) => {
        const seen = { most: 0 }
        let first: Sent | undefined
        const { transport } = await proven(t, async (peer, nth) => {
          if (nth > 0) return watched(seen)(peer, nth)
          await take(peer, 3)
          peer.send(partial)
          // A reset takes what was not read yet with it.
          await eventually(() => partial === '' || first?.sink.body !== '')
          peer[how]()
        })
        const sent = sendAll(transport, '/a', '/b', '/c')
        first = sent[0]
        await ended(sent)
        const rest = sent.slice(1)
        if ('fault' in front) t.equal(first?.sink.fault?.kind, front.fault)
        else t.equal(first?.sink.body, front.body)
        t.same(bodies(rest), ['/b', '/c'])
        t.same(violations(sent), [])
        t.notOk(await pipelines(t, transport, seen), 'and that was the end of pipelining')
      })
    }
  }

  t.test('not a third time', async (t) => {
    const { transport } = await proven(t, async (peer, nth) => {
      await take(peer, nth === 0 ? 3 : 1)
      peer.reset()
    })
    const sent = sendAll(transport, '/a', '/b', '/c')
    await ended(sent)
    t.same(
      sent.map(({ sink }) => sink.fault?.kind),
      ['reset', 'reset', 'reset']
    )
    t.ok(sent.every(({ sink }) => sink.fault?.sent))
  })

  t.test('with one alone outstanding it is the keep-alive race, and held against nobody', async (t) => {
    const seen = { most: 0 }
    const { transport } = await proven(t, async (peer, nth) => {
      if (nth > 0) return watched(seen)(peer, nth)
      await peer.head()
      peer.finish()
    })
    t.equal((await exchange(transport, { path: '/a' })).body, '/a')
    t.ok(await pipelines(t, transport, seen))
  })
})

t.test('Connection: close on a complete answer is no misbehaviour: the rest is sent once more', async (t) => {
  const seen = { most: 0 }
  const { transport } = await proven(t, async (peer, nth) => {
    if (nth > 0) return watched(seen)(peer, nth)
    await take(peer, 3)
    peer.send(ok('/a', 'Connection: close\r\n'))
    peer.finish()
  })
  const sent = sendAll(transport, '/a', '/b', '/c')
  await ended(sent)
  t.same(bodies(sent), ['/a', '/b', '/c'])
  t.same(violations(sent), [])
  t.ok(await pipelines(t, transport, seen))
})

t.test('pipelining is given up at the first', async (t) => {
  const misbehaviours: Record<string, { script: Script; sinks: (string | null)[] }> = {
    'byte on an idle connection': {
      script: async (peer) => {
        await take(peer, 3)
        peer.send(ok('/a') + ok('/b') + ok('/c'))
        await peer.wait(5)
        peer.send('x')
      },
      sinks: [null, null, null]
    },
    'byte behind the last answer': {
      script: async (peer) => {
        await take(peer, 3)
        peer.send(`${ok('/a')}${ok('/b')}${ok('/c')}x`)
      },
      sinks: [null, null, null]
    },
    'answer that is none': {
      script: async (peer) => {
        await take(peer, 3)
        peer.send(`${ok('/a')}SSH-2.0-OpenSSH\r\n`)
      },
      sinks: [null, 'invalid', null]
    },
    'answer with bytes too many': {
      script: async (peer) => {
        await take(peer, 3)
        peer.send(`${ok('/a')}more`)
      },
      sinks: [null, 'invalid', null]
    },
    'request that is ignored because it came behind another': {
      script: async (peer) => {
        await take(peer, 3)
        peer.send(ok('/a'))
      },
      sinks: [null, 'response-timeout', null]
    }
  }
  for (const [name, { script, sinks }] of Object.entries(misbehaviours)) {
    t.test(name, async (t) => {
      const seen = { most: 0 }
      let gone = false
      const { transport } = await proven(
        t,
        async (peer, nth) => {
          if (nth > 0) return watched(seen)(peer, nth)
          await script(peer, nth)
          await peer.closed()
          gone = true
        },
        { timeouts: { response: 150 } }
      )
      const sent = sendAll(transport, '/a', '/b', '/c')
      await ended(sent)
      t.same(
        sent.map(({ sink }) => sink.fault?.kind ?? null),
        sinks
      )
      t.same(violations(sent), [])
      for (const { sink } of sent) if (sink.fault === null) t.match(sink.body, /^\/[abc]$/)
      await eventually(() => gone)
      t.notOk(await pipelines(t, transport, seen))
    })
  }
})

t.test('an upstream that behaves is pipelined to all along', async (t) => {
  const seen = { most: 0 }
  const { transport } = await proven(t, watched(seen))
  for (let i = 0; i < 3; i++) t.ok(await pipelines(t, transport, seen))
})

t.test('abort', async (t) => {
  const live = (sent: Sent[], gone: number): Sent[] => sent.filter((_, i) => i !== gone)

  for (const gone of [0, 1, 2]) {
    t.test(`of number ${gone} before its answer: the others get theirs, over the same connection`, async (t) => {
      let answer = (): void => {}
      let taken = false
      const { transport, upstream } = await proven(t, async (peer) => {
        const paths = await take(peer, 3)
        await new Promise<void>((resolve) => {
          answer = resolve
          taken = true
        })
        for (const path of paths) peer.send(ok(path))
        await echo(peer)
      })
      const sent = sendAll(transport, '/0', '/1', '/2')
      await eventually(() => taken)
      sent[gone]?.call.abort()
      answer()
      await ended(live(sent, gone))
      t.same(
        live(sent, gone).map(({ sink }) => sink.body),
        ['/0', '/1', '/2'].filter((_, i) => i !== gone)
      )
      await pause(10)
      t.equal(sent[gone]?.sink.status, 0, 'it hears nothing')
      t.equal((await exchange(transport, { path: '/next' })).body, '/next')
      t.equal(upstream.connections, 1)
    })
  }

  t.test('within an answer: the rest of it is read for those behind', async (t) => {
    for (const where of ['head', 'data', 'paused'] as const) {
      const { transport, upstream } = await proven(t, async (peer) => {
        await take(peer, 2)
        peer.send(`HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n${'x'.repeat(10_000)}`)
        await peer.wait(20)
        peer.send('y'.repeat(10_000) + ok('/b'))
      })
      const sent = sendAll(transport, '/a', '/b')
      const [first, second] = sent as [Sent, Sent]
      if (where === 'head') first.sink.onHeadSeen = () => first.call.abort()
      else
        first.sink.onChunk = () => {
          if (where === 'data') first.call.abort()
          else setTimeout(() => first.call.abort(), 5)
          return false
        }
      await second.sink.done
      t.equal(second.sink.body, '/b', where)
      t.notMatch(first.sink.body, /y/)
      t.notOk(first.sink.ended)
      t.equal(upstream.connections, 1)
      t.same(violations(sent), [])
    }
  })

  t.test('within an answer too large to be read for nothing: those behind are sent again', async (t) => {
    const { transport, upstream } = await proven(t, async (peer, nth) => {
      if (nth > 0) return echo(peer)
      await take(peer, 2)
      peer.send(ok('x'.repeat(MAX_DRAINED * 4)) + ok('/b'))
    })
    const [first, second] = sendAll(transport, '/a', '/b') as [Sent, Sent]
    first.sink.onHeadSeen = () => first.call.abort()
    await second.sink.done
    t.equal(second.sink.body, '/b')
    t.equal(upstream.connections, 2)
  })

  t.test('of all: the connection goes', async (t) => {
    let arrived = false
    const { transport, upstream } = await proven(t, async (peer, nth) => {
      if (nth > 0) return echo(peer)
      await take(peer, 2)
      arrived = true
    })
    const sent = sendAll(transport, '/a', '/b')
    await eventually(() => arrived)
    for (const { call } of sent) call.abort()
    await eventually(() => upstream.open === 0)
    t.equal(upstream.open, 0)
    t.equal((await exchange(transport, { path: '/next' })).body, '/next')
  })

  t.test('in the turn in which it was sent: it is not written, and nothing is lost', async (t) => {
    for (const gone of [0, 1, 2]) {
      const lines: string[] = []
      const { transport, upstream } = await proven(t, async (peer) => {
        for (;;) {
          const path = pathOf(await peer.head())
          lines.push(path)
          peer.send(ok(path))
        }
      })
      const sent = sendAll(transport, '/0', '/1', '/2')
      sent[gone]?.call.abort()
      await ended(live(sent, gone))
      t.same(
        lines,
        ['/0', '/1', '/2'].filter((_, i) => i !== gone)
      )
      t.equal(upstream.connections, 1)
    }
  })
})

t.test('a request that cannot be sent does not harm those of its turn', async (t) => {
  const { transport, upstream } = await proven(t, echo)
  const sent = [
    ...sendAll(transport, '/a'),
    send(transport, { path: '/bad', headers: ['host', 'a.test', 'x', 'a\r\nb: c'] }),
    send(transport, { path: '/large', headers: ['host', 'a.test', 'x', 'y'.repeat(70_000)] }),
    ...sendAll(transport, '/b')
  ]
  await ended(sent)
  t.same(bodies(sent), ['/a', '', '', '/b'])
  t.same(
    sent.map(({ sink }) => sink.fault?.kind),
    [undefined, 'invalid', 'invalid', undefined]
  )
  t.equal(upstream.connections, 1)
})

t.test('what the sinks of refused requests send in turn goes where it should', async (t) => {
  const a = await proven(t, echo)
  const b = await proven(t, echo)
  const then: Promise<Recorder>[] = []
  const bad = send(a.transport, { path: '/bad', headers: ['host', 'a.test', 'x', '\0'] })
  const good = send(a.transport, { path: '/good' })
  void bad.sink.done.then(() => then.push(exchange(b.transport, { path: '/b' })))
  await ended([bad, good])
  await pause(1)
  t.equal(good.sink.body, '/good')
  t.equal((await then[0])?.body, '/b')
})

t.test('heads larger than one write together leave in two', async (t) => {
  const { transport, upstream } = await proven(t, echo)
  const sent = ['/a', '/b', '/c'].map((path) =>
    send(transport, { path, headers: ['host', 'a.test', 'x', 'y'.repeat(30_000)] })
  )
  await ended(sent)
  t.same(bodies(sent), ['/a', '/b', '/c'])
  t.equal(upstream.connections, 1)
})

t.test('close lets all that is under way finish', async (t) => {
  const { transport, upstream } = await proven(t, async (peer) => {
    const paths = await take(peer, 3)
    await peer.wait(20)
    for (const path of paths) peer.send(ok(path))
  })
  const sent = sendAll(transport, '/a', '/b', '/c')
  await pause(5)
  await transport.close()
  t.same(bodies(sent), ['/a', '/b', '/c'])
  await eventually(() => upstream.open === 0)
  t.equal(upstream.open, 0)
})
