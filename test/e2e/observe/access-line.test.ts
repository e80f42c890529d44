/** Access lines: which fields, in which order, for which kinds of answers; no credential and no raw control byte in any. */
import { connect } from 'node:net'
import t from 'tap'
import { ask, raw, type Ask, type Reply } from '../client.ts'
import { startGateway } from '../gateway.ts'
import { seconds, sha256, signer, token } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'
import { eventually } from '../visitors.ts'

const ec = signer('ES256', 'e1')
const upstream = await startUpstream(t, (request, response) => {
  request.resume()
  if (request.url === '/reset') request.socket.destroy()
  else if (request.url?.startsWith('/hang')) return
  else if (request.url === '/broken') {
    response.writeHead(200, { 'content-length': '100' }).write('x')
    setTimeout(() => request.socket.destroy(), 20)
  } else request.on('end', () => response.end('hello'))
})
const yaml = `version: 1
listen: [ { name: plain, address: "127.0.0.1:0", ready: /-/ready } ]
state: { dir: var }
log: { redact: [x-secret] }
issuers: [ { name: corp, issuer: "https://idp.example", jwks: keys.json, audiences: [api], consumerClaim: azp } ]
consumers: [ { name: acme, keys: [ { id: acme-1, hash: "sha256:${sha256('acme-key')}" } ] } ]
policies:
  ip: { deny: ["203.0.113.0/24"] }
services:
  - name: s
    url: ${upstream.url}
    labels: { team: sales }
    policies: { auth: { jwt: { issuers: [corp], header: authorization, cookie: session, query: [access_token, "my token"] }, key: { header: x-api-key, query: app_key } } }
    routes:
      - { name: any, match: { paths: ["/*"], methods: [GET, POST] } }
      - { name: ruled, match: { paths: ["/ruled"] }, policies: { authorize: { name: nobody, when: "false", reason: "closed" } } }
      - { name: limited, match: { paths: ["/limited"] }, policies: { limits: [ { name: one, rate: 1/h, by: all } ] } }
      - { name: typed, match: { paths: ["/typed"] }, policies: { validate: { body: { maxSize: 1kb, contentTypes: [application/json] } } } }
      - { name: fenced, match: { paths: ["/fenced"] }, policies: { ip: { allow: ["10.0.0.0/8"] } } }
      - { name: answered, match: { paths: ["/answered"] }, policies: { auth: public, cors: { origins: ["https://a.example"], methods: [GET] } }, respond: { status: 201, body: "hi" } }
      - { name: slow, match: { paths: ["/hang"] }, policies: { timeouts: { request: 200ms } } }
  - name: gone
    url: http://127.0.0.1:1
    policies: { auth: public }
    routes: [ { name: r, match: { paths: ["/gone"] } } ]
`
const gateway = await startGateway(t, yaml, { workers: 1, files: { 'keys.json': JSON.stringify({ keys: [ec.jwk] }) } })
const KEY = { 'x-api-key': 'acme-key' }
const claims = { iss: 'https://idp.example', aud: 'api', sub: 'u1', azp: 'acme', exp: seconds() + 3600 }

let request = 0
/** Asks, and reads the line of that very request. */
async function lineOf(path: string, more: Ask = {}): Promise<{ reply: Reply; line: Record<string, unknown> }> {
  const agent = `agent-${++request}`
  const reply = await ask(gateway.port, path, { ...more, headers: { 'user-agent': agent, ...more.headers } })
  return { reply, line: await gateway.line((line) => line['agent'] === agent) }
}

t.test('a forwarded request: all of its fields, in order', async (t) => {
  const { reply, line } = await lineOf('/a/b?x=1', {
    method: 'POST',
    body: 'four',
    headers: { ...KEY, host: 'api.example.com:81' }
  })
  t.equal(reply.status, 200)
  t.equal(
    Object.keys(line).join(' '),
    'time id client method scheme host path query status decision route service auth consumer credential target ms upstreamMs bytesIn bytesOut trace agent listener worker generation labels'
  )
  t.match(line, {
    time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
    id: reply.headers['x-request-id'] ?? /^[0-9A-Z]{26}$/,
    client: '127.0.0.1',
    method: 'POST',
    scheme: 'http',
    host: 'api.example.com',
    path: '/a/b',
    query: 'x=1',
    status: 200,
    decision: 'forward',
    route: 's.any',
    service: 's',
    auth: 'key',
    consumer: 'acme',
    credential: 'acme-1',
    target: upstream.url.slice(7),
    bytesIn: 4,
    bytesOut: 5,
    trace: /^[0-9a-f]{32}$/,
    listener: 'plain',
    worker: 0,
    generation: 1
  })
  t.same(line['labels'], { team: 'sales' })
  t.ok(Number(line['ms']) > 0 && Number(line['upstreamMs']) > 0 && Number(line['ms']) >= Number(line['upstreamMs']))
  t.ok(Math.abs(Date.parse(String(line['time'])) - Date.now()) < 60_000)
})

t.test('a token: subject and issuer by its name here', async (t) => {
  const { line } = await lineOf('/a', { headers: { authorization: `Bearer ${token(ec, claims)}` } })
  t.match(line, { auth: 'jwt', consumer: 'acme', subject: 'u1', issuer: 'corp', status: 200 })
  t.notOk('credential' in line)
})

t.test('every kind of refusal and failure: decision, problem, policy, rule, line of the configuration', async (t) => {
  const good = { headers: KEY }
  await lineOf('/limited', good)
  const cases: [string, Ask, number, Record<string, unknown>, string | null][] = [
    [
      '/a',
      {},
      401,
      { decision: 'deny', problem: 'no-credential', policy: 'auth', reason: /no credential/, route: 's.any' },
      '{ jwt: { issuers'
    ],
    [
      '/a',
      { headers: { 'x-api-key': 'x' } },
      401,
      { decision: 'deny', problem: 'bad-credential', policy: 'auth', auth: 'public' },
      '{ jwt: { issuers'
    ],
    [
      '/ruled',
      good,
      403,
      {
        decision: 'deny',
        problem: 'not-allowed',
        policy: 'authorize',
        rule: 'nobody',
        reason: /closed/,
        consumer: 'acme'
      },
      'name: nobody'
    ],
    [
      '/fenced',
      good,
      403,
      { decision: 'deny', problem: 'not-allowed', policy: 'ip', reason: /127\.0\.0\.1/, route: 's.fenced' },
      'allow: ["10.0.0.0/8"]'
    ],
    ['/limited', good, 429, { decision: 'deny', problem: 'over-limit', policy: 'limits', rule: 'one' }, 'name: one'],
    [
      '/typed',
      { ...good, method: 'POST', body: 'x' },
      415,
      { decision: 'deny', problem: 'wrong-type', policy: 'validate' },
      'maxSize: 1kb'
    ],
    [
      '/typed',
      { ...good, method: 'POST', body: 'x'.repeat(2000) },
      413,
      { decision: 'deny', problem: 'too-large', policy: 'validate' },
      'maxSize: 1kb'
    ],
    [
      '/a',
      { ...good, method: 'DELETE' },
      405,
      { decision: 'deny', problem: 'wrong-method', policy: 'route', route: undefined },
      null
    ],
    ['/a%2fb', good, 400, { decision: 'deny', problem: 'bad-path', policy: 'framing', path: '/a%2fb' }, null],
    ['/a', { ...good, method: 'BREW' }, 501, { decision: 'deny', problem: 'unknown-method' }, null],
    [
      '/answered',
      {},
      201,
      { decision: 'answer', problem: undefined, policy: undefined, route: 's.answered', bytesOut: 2 },
      null
    ],
    ['/-/ready', {}, 200, { decision: 'answer', route: undefined }, null],
    [
      '/gone',
      {},
      502,
      {
        decision: 'error',
        problem: 'upstream-unreachable',
        policy: 'upstream',
        reason: /127\.0\.0\.1:1: connect/,
        target: '127.0.0.1:1'
      },
      null
    ],
    ['/reset', good, 502, { decision: 'error', problem: 'upstream-broke', policy: 'upstream' }, null],
    ['/hang', good, 504, { decision: 'error', problem: 'upstream-timeout', policy: 'timeouts', reason: /200 ms/ }, null]
  ]
  for (const [path, more, status, expected, where] of cases) {
    const { reply, line } = await lineOf(path, more)
    t.equal(reply.status, status, path)
    t.match(line, { status, ...expected }, `${path} ${status}`)
    if (where === null)
      t.notOk('where' in line && line['where'] !== '' && line['policy'] !== 'timeouts', `${path}: no line decided`)
    else {
      const [, row, column] = /gatehouse\.yaml:(\d+):(\d+)$/.exec(String(line['where'])) ?? []
      t.match(yaml.split('\n')[Number(row) - 1]?.slice(Number(column) - 1), where, `${path}: ${String(line['where'])}`)
    }
    if (status >= 400) {
      t.equal(JSON.parse(reply.body).instance, line['id'], 'the caller’s id is the log’s')
      t.notMatch(
        reply.body + JSON.stringify(reply.headers),
        /gatehouse|yaml|127\.0\.0\.1|closed|nobody|uWebSockets|node/i,
        'nothing of the inside'
      )
    }
  }
})

t.test('no route; a preflight; an upstream that breaks off; a client that leaves', async (t) => {
  const nowhere = await lineOf('/x', { headers: { ...KEY, host: 'a' }, method: 'PATCH' })
  t.match(nowhere.line, { status: 405, policy: 'route' })
  const preflight = await lineOf('/answered', {
    method: 'OPTIONS',
    headers: { origin: 'https://a.example', 'access-control-request-method': 'GET' }
  })
  t.match(preflight.line, { status: 204, decision: 'answer', route: 's.answered', method: 'OPTIONS' })
  const broken = `GET /broken HTTP/1.1\r\nhost: a\r\nuser-agent: breaks\r\nx-api-key: acme-key\r\n\r\n`
  await raw(gateway.port, broken)
  t.match(await gateway.line(({ agent }) => agent === 'breaks'), {
    decision: 'error',
    problem: 'upstream-broke',
    status: 200
  })
  const socket = connect(gateway.port, '127.0.0.1', () => {
    socket.write(`GET /hang-on HTTP/1.1\r\nhost: a\r\nuser-agent: leaves\r\nx-api-key: acme-key\r\n\r\n`)
  })
  await eventually(() => upstream.seen.some(({ url }) => url === '/hang-on'), 'it is under way')
  socket.destroy()
  t.match(await gateway.line(({ agent }) => agent === 'leaves'), {
    decision: 'abort',
    problem: 'client-closed',
    status: 499,
    route: 's.any'
  })
})

t.test('credentials are in no line, wherever they were sent and whatever became of the request', async (t) => {
  const text = token(ec, claims)
  const secrets = [text, 'acme-key', 'wrong-key', 'hunter2', text.split('.')[2] ?? '']
  const ways: [string, Record<string, string>][] = [
    ['/a', { authorization: `Bearer ${text}` }],
    ['/a', { authorization: `Bearer ${text}x` }],
    ['/a', { authorization: 'Basic hunter2' }],
    ['/a', { cookie: `session=${text}; other=hunter2` }],
    [`/a?access_token=${text}`, {}],
    [`/a?%61ccess_token=${text}&b=1`, {}],
    [`/a?my%20token=${text}`, {}],
    [`/a?my+token=${text}`, {}],
    ['/a?app_key=acme-key', {}],
    ['/a?app_key=wrong-key', {}],
    ['/a?app_key=acme-key&app_key=wrong-key', {}],
    ['/a?token=hunter2&password=hunter2&API_KEY=hunter2', KEY],
    [`/nowhere%2f?access_token=${text}`, {}],
    ['/answered?app_key=acme-key', {}],
    ['/a', { 'x-api-key': 'acme-key', 'x-secret': 'hunter2' }]
  ]
  for (const [path, headers] of ways) {
    const { line } = await lineOf(path, { headers })
    for (const secret of secrets)
      t.notOk(JSON.stringify(line).includes(secret), `${path.slice(0, 30)}: ${JSON.stringify(line).slice(0, 400)}`)
  }
  const lost = await lineOf('/a?app_key=acme-key', { method: 'DELETE' })
  t.equal(lost.reply.status, 405)
  t.notOk(JSON.stringify(lost.line).includes('acme-key'), 'also where no route matched')
  for (const secret of secrets) t.notOk((gateway.stdout + gateway.stderr).includes(secret))
})

t.test('hostile strings are escaped: one line each, printable ASCII only', async (t) => {
  const before = gateway.lines().length
  const agents = [
    'a"b\\c',
    '","status":200,"x":"',
    'x\ty',
    '<script>',
    '${jndi:ldap://x}',
    '\u00e9\u00ff',
    'y'.repeat(3000)
  ]
  for (const agent of agents) {
    await raw(
      gateway.port,
      `GET /ruled?q=%22%0a\u007b%00 HTTP/1.1\r\nhost: a\r\nx-api-key: acme-key\r\nuser-agent: ${agent}\r\nconnection: close\r\n\r\n`
    )
  }
  const sub = 'u\r\n{"forged":true}\u202e\u0000😀'
  await ask(gateway.port, '/a', { headers: { authorization: `Bearer ${token(ec, { ...claims, sub })}` } })
  const withSubject = await gateway.line((line) => line['subject'] === sub)
  t.equal(withSubject['subject'], sub, 'a JSON parser gets it back')
  const lines = gateway.stdout.trimEnd().split('\n').slice(before)
  for (const line of lines) t.match(line, /^\{[ -~]*\}$/)
  t.ok(lines.length > agents.length - 2)
  t.notOk(gateway.lines().some((line) => 'forged' in line))
  t.ok(
    lines.every((line) => line.length < 10_000),
    'and none without end'
  )
  t.equal(gateway.child.exitCode, null)
})
