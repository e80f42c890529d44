import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { Doorkeeper } from '../../../src/control/admin/doorkeeper.ts'
import { AdminProblem } from '../../../src/control/admin/resource.ts'
import { sha256 } from '../../e2e/tokens.ts'

const TOKEN = 'c29tZS1nb29kLXRva2Vu'
const SETTINGS = { tokenHash: sha256(TOKEN), hosts: ['gw.example', '*.ops.example'] }

function call(headers: Record<string, string>, from = '127.0.0.1'): IncomingMessage {
  return { headers: { host: 'localhost:9090', ...headers }, socket: { remoteAddress: from } } as IncomingMessage
}

/** 200 when admitted. */
function status(keeper: Doorkeeper, request: IncomingMessage, open = false): number {
  try {
    keeper.admit(request, open)
    return 200
  } catch (error) {
    if (error instanceof AdminProblem) return error.status
    throw error
  }
}

function headersOf(keeper: Doorkeeper, request: IncomingMessage): unknown {
  try {
    keeper.admit(request, false)
  } catch (error) {
    if (error instanceof AdminProblem) return error.headers
  }
  return undefined
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

t.test('the token, and nothing like it', (t) => {
  const keeper = new Doorkeeper(SETTINGS, false)
  t.equal(status(keeper, call(bearer(TOKEN))), 200)
  t.equal(status(keeper, call({ authorization: `bearer  ${TOKEN}` })), 200, 'the scheme has no case (RFC 9110 11.1)')
  let from = 1
  for (const authorization of [
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(0, -1)}`,
    `Bearer ${TOKEN.toLowerCase()}`,
    'Bearer ',
    'Bearer',
    '',
    TOKEN,
    `Basic ${TOKEN}`,
    `Basic  ${TOKEN}`,
    `Bearer ${SETTINGS.tokenHash}`,
    `Bearer ${'x'.repeat(8000)}`
  ])
    t.equal(status(keeper, call({ authorization }, `127.0.1.${from++}`)), 401, authorization.slice(0, 30))
  t.equal(status(keeper, call({})), 401)
  keeper.use({ ...SETTINGS, tokenHash: sha256('another-token-of-16') })
  t.equal(status(keeper, call(bearer(TOKEN))), 401, 'a token that was replaced')
  t.end()
})

t.test('ten wrong tokens a minute of one client, then even the right one waits', (t) => {
  let now = 1_000_000
  const keeper = new Doorkeeper(SETTINGS, false, () => now)
  for (let i = 1; i <= 9; i++) t.equal(status(keeper, call(bearer('wrong'))), 401)
  t.equal(status(keeper, call(bearer(TOKEN))), 200, 'nine were wrong')
  t.equal(status(keeper, call(bearer('wrong'))), 401, 'the tenth')
  t.equal(status(keeper, call(bearer('wrong'))), 429)
  t.equal(status(keeper, call(bearer(TOKEN))), 429)
  t.equal(status(keeper, call(bearer(TOKEN), '127.0.0.2')), 200, 'another client')
  t.same(headersOf(keeper, call(bearer(TOKEN))), { 'retry-after': '60' })
  now += 59_999
  t.equal(status(keeper, call(bearer(TOKEN))), 429)
  now += 1
  t.equal(status(keeper, call(bearer(TOKEN))), 200)
  t.end()
})

t.test('calls without a token are no guesses; an IPv6 network is one client', (t) => {
  const keeper = new Doorkeeper(SETTINGS, false)
  for (let i = 0; i < 30; i++) status(keeper, call({}))
  t.equal(status(keeper, call(bearer(TOKEN))), 200)
  for (let i = 0; i < 10; i++) status(keeper, call(bearer('wrong'), `2001:db8::${i}`))
  t.equal(status(keeper, call(bearer(TOKEN), '2001:db8::ffff')), 429)
  t.equal(status(keeper, call(bearer(TOKEN), '2001:db8:0:1::1')), 200)
  t.end()
})

t.test('guessers are remembered up to a bound: the oldest is forgotten', (t) => {
  const keeper = new Doorkeeper(SETTINGS, false)
  const guess = (i: number) => call(bearer('wrong'), `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
  for (let n = 0; n < 10; n++) status(keeper, guess(0))
  t.equal(status(keeper, guess(0)), 429)
  for (let i = 1; i < 1024; i++) status(keeper, guess(i))
  t.equal(status(keeper, guess(0)), 429, '1,023 others')
  status(keeper, guess(1024))
  t.equal(status(keeper, guess(0)), 401, '1,024 others')
  t.end()
})

t.test('names that were pointed at this address, and pages of other origins', (t) => {
  const keeper = new Doorkeeper(SETTINGS, false)
  const host = (text: string) => status(keeper, call({ ...bearer(TOKEN), host: text }))
  for (const good of ['localhost', 'LOCALHOST:9090', '127.0.0.1:9090', '[::1]:9090', 'gw.example', 'a.ops.example:1'])
    t.equal(host(good), 200, good)
  for (const bad of [
    'evil.example',
    'localhost.evil.example',
    'a.b.ops.example',
    'ops.example',
    '.ops.example',
    '',
    'localhost:',
    'localhost@evil.example',
    'localhost, evil.example',
    '127.0.0.1.nip.io',
    '127.1',
    '0x7f000001',
    '[::1',
    'localhost:999999'
  ])
    t.equal(host(bad), 421, bad)
  const from = (headers: Record<string, string>, open = false) =>
    status(keeper, call({ ...bearer(TOKEN), ...headers }), open)
  t.equal(from({ origin: 'http://localhost:9090' }), 200, 'its own page')
  for (const origin of [
    'http://evil.example',
    'null',
    'https://localhost:9090',
    'http://localhost',
    'http://127.0.0.1:9090',
    ''
  ])
    t.equal(from({ origin }), 403, origin)
  t.equal(from({ 'sec-fetch-site': 'cross-site' }), 403)
  t.equal(from({ 'sec-fetch-site': 'same-site' }, true), 403, 'open resources too')
  t.equal(from({ 'sec-fetch-site': 'same-origin' }), 200)
  t.equal(from({ 'sec-fetch-site': 'none' }), 200)
  t.equal(status(keeper, call({}), true), 200, 'an open resource needs no token')
  t.end()
})
