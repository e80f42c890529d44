import t from 'tap'
import { createHash, createHmac, createPublicKey } from 'node:crypto'
import { HeaderList } from '../../src/headers.ts'
import { digestComplaint } from '../../src/identity/content-digest.ts'
import { CallerDirectory } from '../../src/identity/directory.ts'
import { findSignature, MessageSignatures, type SignableRequest } from '../../src/identity/message-signatures.ts'
import { Once } from '../../src/memory/once.ts'
import { signatureBase } from '../../src/identity/signature-base.ts'
import { verifySignature } from '../../src/identity/signature.ts'
import { paramsText, parseDictionary, type InnerList } from '../../src/identity/structured-fields.ts'
import { allocateShared } from '../../src/memory/shared.ts'
import { authRequest, consumerPlan, InlineVerifier, NOW, SECONDS } from './kit.ts'

const SECRET = Buffer.from(
  'uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==',
  'base64'
)
const ED25519 = createPublicKey(
  '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----\n'
)

function headersOf(fields: Record<string, string>): HeaderList {
  const headers = new HeaderList()
  for (const [name, value] of Object.entries(fields)) headers.add(name, value)
  return headers
}

function inputOf(text: string): InnerList {
  const member = parseDictionary(`s=${text}`)?.get('s')
  if (member === undefined || !('items' in member)) throw new Error(text)
  return member
}

/** The request of RFC 9421's appendix B.2. */
const EXAMPLE = {
  method: 'POST',
  scheme: 'https' as const,
  authority: 'example.com',
  rawPath: '/foo',
  query: 'param=Value&Pet=dog',
  headers: headersOf({
    host: 'example.com',
    date: 'Tue, 20 Apr 2021 02:07:55 GMT',
    'content-type': 'application/json',
    'content-digest':
      'sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:',
    'content-length': '18'
  })
}

t.test('RFC 9421 B.2.5 and B.2.6: the shared secret and the Ed25519 key', async (t) => {
  const hmac = signatureBase(
    inputOf('("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"'),
    EXAMPLE
  )
  t.equal(
    createHmac('sha256', SECRET)
      .update(hmac ?? '')
      .digest('base64'),
    'pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8='
  )
  const ed = signatureBase(
    inputOf(
      '("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"'
    ),
    EXAMPLE
  )
  const signature = Buffer.from(
    'wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==',
    'base64'
  )
  t.ok(verifySignature('Ed25519', ED25519, Buffer.from(ed ?? ''), signature))
})

t.test('derived components, as section 2.2 has them', async (t) => {
  const request = {
    ...EXAMPLE,
    authority: 'WWW.Example.com:443',
    rawPath: '/path/a%2Fb',
    query: 'param=value&foo=bar&baz=batman&qux=&a%20b=c+d&bad=1&bad=2'
  }
  const of = (component: string): string | null =>
    signatureBase(inputOf(`(${component})`), request)
      ?.split('\n')[0]
      ?.replace(`${component}: `, '') ?? null
  t.equal(of('"@method"'), 'POST')
  t.equal(of('"@authority"'), 'www.example.com')
  t.equal(of('"@scheme"'), 'https')
  t.equal(of('"@path"'), '/path/a%2Fb')
  t.equal(of('"@query"'), `?${request.query}`)
  t.equal(of('"@request-target"'), `/path/a%2Fb?${request.query}`)
  t.equal(of('"@target-uri"'), `https://www.example.com/path/a%2Fb?${request.query}`)
  t.equal(of('"@query-param";name="baz"'), 'batman')
  t.equal(of('"@query-param";name="qux"'), '')
  t.equal(of('"@query-param";name="a%20b"'), 'c%20d')
  for (const none of [
    '"@query-param";name="bad"',
    '"@query-param";name="none"',
    '"@query-param"',
    '"@status"',
    '"@unknown"',
    '"x-none"',
    '"Date"',
    '"date";sf',
    '"date";bs',
    '"date";req',
    '"date" "date"',
    'date'
  ]) {
    t.equal(of(none), null, none)
  }
  const bare = { ...request, query: '', scheme: 'http' as const, authority: 'a.example:443' }
  t.match(signatureBase(inputOf('("@query" "@target-uri")'), bare), /^"@query": \?\n.*: http:\/\/a\.example:443\/path/)
})

t.test('structured fields, strictly', async (t) => {
  const list = inputOf('(  "a";x "b" );created=007;flag;s="q\\"\\\\";t=tok*/;no=?0')
  t.equal(paramsText(list.params), ';created=7;flag;s="q\\"\\\\";t=tok*/;no=?0', 'in canonical spelling')
  t.equal(parseDictionary('a=1,\tb=:AQI=: , c')?.size, 3)
  for (const bad of [
    '',
    'a=1,',
    'A=1',
    'a=1 b=2',
    'a=1,a=2',
    's=("a"',
    's=("a""b")',
    's=("a");x=1;x=2',
    'a="\u00e9"',
    'a="x',
    'a="\\n"',
    'a=:AQI:',
    'a=:AQJ=',
    'a=1.5',
    'a=1234567890123456',
    'a=-',
    'a=?2',
    'a=@5',
    'a=()('
  ]) {
    t.equal(parseDictionary(bad), null, bad)
  }
})

t.test('Content-Digest: every known one must hold, and there is one', async (t) => {
  const body = Buffer.from('{"hello": "world"}')
  const sha256 = createHash('sha256').update(body).digest('base64')
  const rfc = EXAMPLE.headers.get('content-digest') ?? ''
  t.equal(digestComplaint(rfc, body), null, 'RFC 9421’s own')
  t.equal(digestComplaint(`${rfc}, sha-256=:${sha256}:`, body), null)
  t.equal(digestComplaint(`md5=:AAAA:, sha-256=:${sha256}:`, body), null, 'one not known says nothing')
  t.match(digestComplaint(`${rfc}, sha-256=:${sha256}:`, Buffer.from('x')), /sha-512 digest/)
  t.match(digestComplaint(`${rfc}, sha-256=:AAAA:`, body), /sha-256 digest/)
  t.match(digestComplaint('md5=:AAAA:', body), /neither/)
  for (const bad of ['', 'x', 'sha-256=AAAA', 'sha-256', 'sha-256=("a")']) t.ok(digestComplaint(bad, body), bad)
})

// --- the judgement

const KEY = {
  id: 'k',
  kid: null,
  algorithms: ['HS256'],
  material: Uint8Array.from(SECRET),
  secret: true
}
const directory = new CallerDirectory()
directory.add([
  consumerPlan('acme', { signatures: [{ keyId: 'acme-1', algorithm: 'hmac-sha256', key: KEY, where: '' }] })
])
const GOOD = '("@method" "@authority" "@path")'

interface Signing {
  covered?: string
  params?: string
  request?: Partial<SignableRequest>
  /** What is sent instead of what was signed. */
  sent?: Partial<SignableRequest>
  secret?: Buffer
}

function judge(signatures: MessageSignatures) {
  return async ({
    covered = GOOD,
    params,
    request = {},
    sent = {},
    secret = SECRET
  }: Signing = {}): Promise<string> => {
    const input = `${covered}${params ?? `;created=${SECONDS};keyid="acme-1"`}`
    const signed = authRequest(request)
    const base = signatureBase(inputOf(input), signed) ?? ''
    const signature = createHmac('sha256', secret).update(base).digest('base64')
    const headers = new HeaderList()
    for (const [i, name] of signed.headers.names.entries()) headers.add(name, signed.headers.values[i] ?? '')
    headers.add('signature-input', `sig=${input}`)
    headers.add('signature', `sig=:${signature}:`)
    const found = findSignature(headers)
    if (found === null || 'reason' in found) return found?.reason ?? 'none'
    const outcome = await signatures.verify(found, { ...signed, headers, ...sent }, directory, NOW)
    return 'reason' in outcome ? `${outcome.code}: ${outcome.reason}` : outcome.consumer.name
  }
}

function fresh(perClient = 8): MessageSignatures {
  const memory = allocateShared({ workers: 1, limitSlots: 1024, ringBytes: 1 << 16 })
  return new MessageSignatures(new InlineVerifier(), new Once(memory, 'test', 60_000), 100, perClient)
}

t.test('a good signature names its consumer; what it covers can’t be changed', async (t) => {
  const say = judge(fresh())
  t.equal(await say(), 'acme')
  t.equal(await say({ params: `;keyid="acme-1";created=${SECONDS};alg="hmac-sha256";tag="x"` }), 'acme')
  t.equal(await say({ covered: '("@method" "@target-uri")', request: { query: 'a=1' } }), 'acme')
  for (const sent of [{ method: 'DELETE' }, { authority: 'b.example' }, { rawPath: '/b' }]) {
    t.match(await say({ sent }), /not by the key/, JSON.stringify(sent))
  }
  t.match(await say({ secret: Buffer.alloc(64, 1) }), /not by the key/)
  t.match(await say({ covered: '("@method" "@target-uri")', sent: { scheme: 'http' } }), /not by the key/)
})

t.test('what a signature must cover', async (t) => {
  const say = judge(fresh())
  for (const [covered, request, message] of [
    ['("@authority" "@path")', {}, /cover @method/],
    ['("@method" "@path")', {}, /neither @authority/],
    ['("@method" "@authority")', {}, /neither @path/],
    [GOOD, { query: 'a=1' }, /neither @query/],
    ['("@method" "@authority" "@path" "@query-param";name="a")', { query: 'a=1&b=2' }, /neither @query/],
    [GOOD, { size: 3 }, /content-digest/],
    [GOOD, { size: -1 }, /content-digest/],
    ['()', {}, /cover @method/]
  ] as const) {
    t.match(await say({ covered, request }), message, covered)
  }
  const digest = '("@method" "@authority" "@path" "content-digest")'
  const headers = headersOf({ 'content-digest': 'sha-256=:AAAA:' })
  t.equal(await say({ covered: digest, request: { size: 3, headers } }), 'acme', 'the body itself is judged later')
  t.match(await say({ covered: digest, request: { size: 3 } }), /lacks/, 'a field that is not there')
})

t.test('its time is bounded: at the edge, before and after', async (t) => {
  const say = judge(fresh())
  const at = (created: number, more = ''): Promise<string> =>
    say({ params: `;created=${SECONDS + created};keyid="acme-1"${more}` })
  t.equal(await at(-300), 'acme')
  t.match(await at(-301), /older than 300 s/)
  t.equal(await at(30), 'acme')
  t.match(await at(31), /in the future/)
  t.equal(await at(0, `;expires=${SECONDS + 1}`), 'acme')
  t.match(await at(0, `;expires=${SECONDS}`), /has expired/)
  t.match(await at(0, ';expires="soon"'), /no time/)
  t.match(await say({ params: ';keyid="acme-1"' }), /does not say when/)
  t.match(await say({ params: `;created="${SECONDS}";keyid="acme-1"` }), /does not say when/)
})

t.test('key and algorithm are the key’s, not the signature’s choice', async (t) => {
  const say = judge(fresh())
  t.match(await say({ params: `;created=${SECONDS};keyid="acme-2"` }), /nobody’s key/)
  t.match(await say({ params: `;created=${SECONDS};keyid="acme-1";alg="ed25519"` }), /alg is not the key’s/)
  t.match(await say({ params: `;created=${SECONDS};keyid="acme-1";alg=hmac` }), /alg is not the key’s/)
  t.match(await say({ params: `;created=${SECONDS}` }), /names no key/)
})

t.test('a nonce is good once, and only a good signature spends it', async (t) => {
  const say = judge(fresh())
  const params = `;created=${SECONDS};keyid="acme-1";nonce="n1"`
  t.match(await say({ params, secret: Buffer.alloc(64, 1) }), /not by the key/)
  t.equal(await say({ params }), 'acme')
  t.match(await say({ params }), /bad-credential: the nonce was used before/)
  t.equal(await say({ params: params.replace('n1', 'n2') }), 'acme')
  t.equal(await say(), 'acme')
  t.equal(await say(), 'acme', 'without a nonce it is good for its time')
})

t.test('few of one client wait', async (t) => {
  const say = judge(fresh(2))
  const all = await Promise.all([say(), say(), say()])
  t.equal(all.filter((one) => one === 'acme').length, 2)
  t.match(all[2], /^verify-overload: 2 signatures of this client/)
})

t.test('one signature, in two fields that fit', async (t) => {
  const find = (...fields: [string, string][]): string => {
    const headers = new HeaderList()
    for (const [name, value] of fields) headers.add(name, value)
    const found = findSignature(headers)
    return found === null ? 'none' : 'reason' in found ? found.reason : 'found'
  }
  const input = ['signature-input', 'a=("@method");keyid="k"'] as [string, string]
  const signature = ['signature', 'a=:AAAA:'] as [string, string]
  t.equal(find(), 'none')
  t.equal(find(input, signature), 'found')
  t.match(find(input), /one is missing/)
  t.match(find(signature), /one is missing/)
  t.match(find(input, input, signature), /comes twice/)
  t.match(find(input, signature, signature), /comes twice/)
  t.match(find(['signature-input', `${input[1]}, b=("@path");keyid="k"`], signature), /more than one/)
  t.match(find(input, ['signature', 'a=:AAAA:, b=:AAAA:']), /more than one/)
  t.match(find(input, ['signature', 'b=:AAAA:']), /differ in its label/)
  t.match(find(['signature-input', 'a=1'], signature), /well-formed/)
  t.match(find(input, ['signature', 'a="AAAA"']), /well-formed/)
  t.match(find(['signature-input', ''], signature), /well-formed/)
})
