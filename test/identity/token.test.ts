import t from 'tap'
import { MAX_TOKEN_LENGTH, parseJws, parsePayload } from '../../src/identity/token.ts'
import { segment } from './kit.ts'

const HEADER = '{"alg":"ES256","kid":"e1"}'
const SIGNATURE = segment(Buffer.alloc(64, 7))

function complaint(token: string): string {
  const jws = parseJws(token)
  if (!jws.ok) return jws.reason
  const payload = parsePayload(jws)
  return payload.ok ? '' : payload.reason
}

function withHeader(header: string | Uint8Array): string {
  return `${segment(header)}.${segment('{}')}.${SIGNATURE}`
}

const GOOD = withHeader(HEADER)

t.test('takes a token of the right shape', async (t) => {
  const jws = parseJws(withHeader('{"typ":"at+jwt","alg":"ES256","kid":"e1"}'))
  t.match(jws, { ok: true, alg: 'ES256', kid: 'e1', typ: 'at+jwt' })
  t.match(parseJws(withHeader('{"alg":"RS256"}')), { ok: true, kid: null, typ: null })
  t.equal(complaint(GOOD), '')
})

t.test('a header says the same again, and more of them than are remembered do', async (t) => {
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 100; i++) {
      t.match(parseJws(withHeader(`{"alg":"RS256","kid":"k${i}"}`)), { ok: true, alg: 'RS256', kid: `k${i}` })
    }
    t.match(complaint(withHeader('{"alg":"none"}')), /alg/)
    t.match(complaint(withHeader('{"alg":"ES256","crit":["b64"]}')), /crit/)
  }
  const proof = withHeader('{"alg":"ES256","jwk":{"kty":"EC"}}')
  const [one, other] = [parseJws(proof), parseJws(proof)]
  t.ok(one.ok && other.ok && one.jwk !== other.jwk, 'a key is of one token')
})

t.test('refuses any other number of parts', async (t) => {
  const [header, payload] = GOOD.split('.')
  for (const token of ['', '.', '..', 'a', header ?? '', `${header}.${payload}`, `${header}.${payload}.`]) {
    t.not(complaint(token), '', token)
  }
  t.match(complaint(`${GOOD}.`), /more than three parts/)
  t.match(complaint(`${GOOD}.YQ.YQ`), /more than three parts/)
  t.match(complaint(`${header}.${payload}.`), /not signed/)
})

t.test(`refuses a token longer than ${MAX_TOKEN_LENGTH} characters, and takes one of that length`, async (t) => {
  const base = `${segment(HEADER)}.`
  const end = `.${SIGNATURE}`
  const room = MAX_TOKEN_LENGTH - base.length - end.length
  const bytes = Math.floor((room * 3) / 4)
  const payload = segment(`{"a":"${'x'.repeat(bytes - 8)}"}`)
  const longest = base + payload + end
  t.ok(longest.length <= MAX_TOKEN_LENGTH && longest.length > MAX_TOKEN_LENGTH - 4)
  t.equal(complaint(longest), '')
  t.match(complaint(longest + 'A'.repeat(MAX_TOKEN_LENGTH + 1 - longest.length)), /longer than/)
})

t.test('jose departure: white space inside a segment', async (t) => {
  for (const blank of [' ', '\t', '\n', '\r', '\u00a0', '\f']) {
    for (const at of [0, 3, GOOD.indexOf('.'), GOOD.indexOf('.') + 1, GOOD.lastIndexOf('.') + 5, GOOD.length]) {
      t.match(complaint(GOOD.slice(0, at) + blank + GOOD.slice(at)), /canonical/, `${escape(blank)} at ${at}`)
    }
  }
})

t.test('jose departure: = at the end or inside a segment', async (t) => {
  const [header, payload, signature] = GOOD.split('.')
  for (const token of [
    `${header}=.${payload}.${signature}`,
    `${header}.${payload}=.${signature}`,
    `${header}.${payload}.${signature}=`,
    `${header}.${payload}.${signature}==`,
    `${header}.${payload}.=${signature}`
  ]) {
    t.match(complaint(token), /canonical/, token)
  }
})

t.test('jose departure: other last characters for the same bytes', async (t) => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  // 64 bytes leave four spare bits: sixteen last characters decode to the same signature.
  const bytes = Buffer.from(SIGNATURE, 'base64url')
  const spellings = [...alphabet]
    .map((last) => SIGNATURE.slice(0, -1) + last)
    .filter((text) => Buffer.from(text, 'base64url').equals(bytes))
  t.equal(spellings.length, 16)
  const taken = spellings.filter((text) => complaint(`${GOOD.slice(0, GOOD.lastIndexOf('.'))}.${text}`) === '')
  t.strictSame(taken, [SIGNATURE])
  // A payload of two bytes over a triple leaves two spare bits.
  const payload = segment('{"a":12}')
  t.equal(payload.length % 4, 3)
  for (const last of alphabet) {
    const spelling = payload.slice(0, -1) + last
    if (spelling === payload || !Buffer.from(spelling, 'base64url').equals(Buffer.from('{"a":12}'))) continue
    t.match(complaint(`${segment(HEADER)}.${spelling}.${SIGNATURE}`), /payload is not canonical/, spelling)
  }
})

t.test('refuses the other base64 alphabet, and a length that no bytes have', async (t) => {
  const [header, payload] = GOOD.split('.')
  for (const signature of ['+AAA', '/AAA', 'A', 'AAAAA', 'AA%3D', 'ÀAAA']) {
    t.match(complaint(`${header}.${payload}.${signature}`), /signature is not canonical/, signature)
  }
})

t.test('jose departure: kid of any type', async (t) => {
  for (const kid of ['1', 'null', '["e1"]', '{"a":1}', 'true']) {
    t.match(complaint(withHeader(`{"alg":"ES256","kid":${kid}}`)), /kid is not a string/, kid)
  }
})

t.test('jose departure: a byte order mark before the header', async (t) => {
  t.match(complaint(withHeader(`\ufeff${HEADER}`)), /header is not JSON/)
  t.match(complaint(`${segment(HEADER)}.${segment('\ufeff{}')}.${SIGNATURE}`), /payload is not JSON/)
})

t.test('jose departure: duplicate members, where the last would win', async (t) => {
  t.match(complaint(withHeader('{"alg":"none","alg":"ES256"}')), /header has a member twice/)
  t.match(
    complaint(`${segment(HEADER)}.${segment('{"sub":"a","sub":"b"}')}.${SIGNATURE}`),
    /payload has a member twice/
  )
})

t.test('jose departure: JSON nested 5,000 deep', async (t) => {
  const deep = `{"alg":"ES256","a":${'['.repeat(1000)}${']'.repeat(1000)}}`
  t.match(complaint(withHeader(deep)), /nested deeper/)
  const payload = segment(`{"a":${'['.repeat(2900)}${']'.repeat(2900)}}`)
  t.match(complaint(`${segment(HEADER)}.${payload}.${SIGNATURE}`), /nested deeper/)
})

t.test('jose departure: b64 without crit', async (t) => {
  for (const b64 of ['false', 'true', '"no"']) {
    t.match(complaint(withHeader(`{"alg":"ES256","b64":${b64}}`)), /b64/, b64)
  }
})

t.test('refuses crit, whatever it names', async (t) => {
  for (const crit of ['["b64"]', '["exp"]', '[]', '"x"', 'null']) {
    t.match(complaint(withHeader(`{"alg":"ES256","crit":${crit}}`)), /crit/, crit)
  }
})

t.test('refuses an alg that is none, unknown, of another case or no string', async (t) => {
  for (const alg of ['"none"', '"NONE"', '"es256"', '"ES256K"', '"RSA1_5"', '"dir"', '""', '1', 'null', '["ES256"]']) {
    t.match(complaint(withHeader(`{"alg":${alg}}`)), /alg/, alg)
  }
  t.match(complaint(withHeader('{"kid":"e1"}')), /no alg/)
  // Not a member of its own: what objects inherit is no algorithm.
  t.match(complaint(withHeader('{"alg":"constructor"}')), /alg/)
})

t.test('keys that the token brings along are not looked at', async (t) => {
  const header = '{"alg":"ES256","jku":"http://evil","jwk":{"kty":"oct"},"x5u":1,"x5c":["x"]}'
  t.equal(complaint(withHeader(header)), '')
})

t.test('a typ that is no string is refused', async (t) => {
  t.match(complaint(withHeader('{"alg":"ES256","typ":1}')), /typ/)
})

t.test('a payload that is no JSON object is refused', async (t) => {
  for (const payload of ['', 'foo', '[]', '"x"', '1']) {
    t.match(complaint(`${segment(HEADER)}.${segment(payload)}.${SIGNATURE}`), /payload/, payload)
  }
})

t.test('no reason quotes the token', async (t) => {
  const secret = 'c2VjcmV0c2VjcmV0'
  for (const token of [secret, `${secret}.${secret}`, `${secret}.${secret}.${secret}`, `${secret}..${secret}=`]) {
    t.notMatch(complaint(token), /c2Vj|secret/)
  }
})

function escape(char: string): string {
  return JSON.stringify(char)
}
