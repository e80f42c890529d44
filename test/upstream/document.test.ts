import { setDefaultCACertificates } from 'node:tls'
import t, { type Test } from 'tap'
import { fetchDocument } from '../../src/upstream/undici.ts'
import { certificate } from './certificate.ts'
import { eventually } from './recorder.ts'
import { type Script, scripted } from './scripted.ts'

const LIMITS = { timeout: 10_000, maxBytes: 100 }

function answering(answer: string, seen: (head: string) => void = () => {}): Script {
  return async (peer) => {
    seen(await peer.head())
    peer.send(answer)
  }
}

async function fetchFrom(t: Test, answer: string, limits = LIMITS) {
  const server = await scripted(t, answering(answer))
  return fetchDocument(`${server.origin}/keys.json`, limits)
}

t.test('fetches a document and what is said of its freshness', async (t) => {
  let head = ''
  const server = await scripted(
    t,
    answering(
      'HTTP/1.1 200 OK\r\nCache-Control: public, max-age=300\r\nAge: 100\r\nContent-Length: 4\r\n\r\n"\xc3\xa4"',
      (seen) => {
        head = seen
      }
    )
  )
  t.same(await fetchDocument(`${server.origin}/a/keys.json?v=1`, LIMITS), { body: '"ä"', cacheSeconds: 200 })
  t.match(head, /^GET \/a\/keys\.json\?v=1 HTTP\/1\.1\r\n/)
  t.match(head, /\r\naccept-encoding: identity\r\n/)
  await eventually(() => server.open === 0)
  t.equal(server.open, 0, 'no connection stays')
})

for (const [field, seconds] of [
  ['Cache-Control: max-age=60', 60],
  ['Cache-Control: MAX-AGE="60"', 60],
  ['Cache-Control: max-age=60, max-age=10', 60],
  ['Cache-Control: max-age=60\r\nAge: 100', 0],
  ['Cache-Control: max-age=60\r\nAge: x', 60],
  ['Cache-Control: max-age=60, no-store', 0],
  ['Cache-Control: no-cache', 0],
  ['Cache-Control: max-age=-5', null],
  ['Cache-Control: max-age=99999999999999', null],
  ['Cache-Control: private', null],
  ['X: y', null]
] as const) {
  t.test(`freshness of ${JSON.stringify(field)}`, async (t) => {
    const { cacheSeconds } = await fetchFrom(t, `HTTP/1.1 200 OK\r\n${field}\r\nContent-Length: 2\r\n\r\n{}`)
    t.equal(cacheSeconds, seconds)
  })
}

for (const [name, answer, message] of [
  [
    'a redirect',
    'HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n',
    /answered 302, expected 200/
  ],
  ['an error', 'HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\nbad', /answered 500/],
  [
    'an announced length over the bound',
    `HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n${'x'.repeat(101)}`,
    /larger than 100 bytes/
  ],
  ['a stream over the bound', `HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(101)}`, /larger than 100 bytes/],
  [
    'a coding nobody asked for',
    'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}',
    /content-encoding gzip/
  ],
  ['bytes that are not UTF-8', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe', /not UTF-8/],
  ['no HTTP', 'SSH-2.0\r\n\r\n', /HTTP\/1\.1 protocol/],
  ['a head over 16 KB', `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(17_000)}\r\n\r\n`, /Headers Overflow/]
] as const) {
  t.test(`refuses ${name}`, async (t) => {
    await t.rejects(fetchFrom(t, answer), { message })
  })
}

t.test('exactly the bound is taken', async (t) => {
  const { body } = await fetchFrom(t, `HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n${'x'.repeat(100)}`)
  t.equal(body.length, 100)
})

for (const [name, script] of [
  ['silence', () => {}],
  [
    'a drip',
    async (peer) => {
      await peer.head()
      peer.send('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n')
      for (let i = 0; i < 49; i++) {
        await peer.wait(20)
        peer.send('x')
      }
    }
  ]
] satisfies [string, Script][]) {
  t.test(`gives up on ${name} after its whole time`, async (t) => {
    const server = await scripted(t, script)
    await t.rejects(fetchDocument(server.origin, { timeout: 150, maxBytes: 100 }), {
      message: /^http:\/\/127\.0\.0\.1:\d+\/: no complete answer within 150 ms$/
    })
  })
}

t.test('says who refused the connection', async (t) => {
  await t.rejects(fetchDocument('http://127.0.0.1:1/keys', LIMITS), { message: /127\.0\.0\.1:1.*ECONNREFUSED/ })
})

for (const url of ['ftp://example.test/x', 'file:///etc/passwd', 'nonsense', '//x', 'http://user:secret@127.0.0.1/']) {
  t.test(`does not fetch ${url}`, async (t) => {
    const error: unknown = await fetchDocument(url, LIMITS).catch((reason: unknown) => reason)
    t.ok(error instanceof Error)
    t.notMatch(String(error), /secret@/)
  })
}

t.test('https is verified', async (t) => {
  const [ours, theirs] = [await certificate(), await certificate()]
  setDefaultCACertificates([ours.cert])
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'
  const trusted = await scripted(t, answering(answer), ours)
  t.equal((await fetchDocument(trusted.origin, LIMITS)).body, '{}')
  t.equal((await fetchDocument(`https://localhost:${trusted.port}/`, LIMITS)).body, '{}')
  const unknown = await scripted(t, answering(answer), theirs)
  await t.rejects(fetchDocument(unknown.origin, LIMITS), { message: /certificate/i })
  const misnamed = trusted.origin.replace('127.0.0.1', '127.0.0.2')
  await t.rejects(fetchDocument(misnamed, LIMITS), { message: /127\.0\.0\.2/ })
})
