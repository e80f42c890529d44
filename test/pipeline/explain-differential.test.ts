/** `explain` and the gateway that serves are one pipeline: they must say the same of every request. */
import { join } from 'node:path'
import t from 'tap'
import { compilePlan, stateDirOf } from '../../src/control/compile/index.ts'
import { loadConfig } from '../../src/control/config/load.ts'
import { lintKeySet } from '../../src/control/keys/key-set.ts'
import { explainRequest } from '../../src/pipeline/explain.ts'
import type { RequestReport } from '../../src/control/admin/report.ts'
import type { KeySet } from '../../src/plan/keys.ts'
import type { Plan } from '../../src/plan/plan.ts'
import { raw } from '../e2e/client.ts'
import { gatehouse } from '../e2e/command.ts'
import { control } from '../e2e/control.ts'
import { startGateway } from '../e2e/gateway.ts'
import { seconds, sha256, signer, token } from '../e2e/tokens.ts'
import { startUpstream } from '../e2e/upstream.ts'

const ec = signer('ES256', 'e1')
const upstream = await startUpstream(t)
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { name: plain, address: "127.0.0.1:0", ready: /-/ready } ]
state: { dir: var }
issuers: [ { name: corp, issuer: "https://idp.example", jwks: keys.json, audiences: [api], scopesClaim: scope } ]
consumers:
  - { name: acme, groups: [partners], attributes: { tenant: acme }, keys: [ { id: acme-1, hash: "sha256:${sha256('acme-key')}" } ] }
  - { name: guest }
policies: { ip: { deny: ["203.0.113.0/24"] } }
services:
  - name: s
    url: ${upstream.url}
    match: { hosts: [api.example.com, "*.wild.example"] }
    policies: { auth: { jwt: { issuers: [corp] }, key: true } }
    routes:
      - { name: exact, match: { methods: [GET, POST], paths: ["/orders"] } }
      - { name: one, match: { methods: [GET], paths: ["/orders/{id}"] }, policies: { authorize: { scopes: [read] } } }
      - { name: tenant, match: { paths: ["/tenants/{tenant}/*"] }, policies: { authorize: { name: own, when: 'caller.attributes.tenant == path.tenant' } } }
      - { name: body, match: { methods: [POST], paths: ["/body"] }, policies: { validate: { body: { maxSize: 1kb, contentTypes: [application/json] } } } }
      - { name: guests, match: { paths: ["/guests"] }, policies: { auth: { key: true, anonymous: guest } } }
      - { name: fenced, match: { paths: ["/fenced"] }, policies: { ip: { allow: ["10.0.0.0/8"] } } }
      - { name: tried, match: { paths: ["/tried"] }, policies: { ip: { allow: ["10.0.0.0/8"], mode: shadow }, authorize: { when: "false", mode: shadow } } }
      - { name: files, match: { paths: ["/files/*"] }, forward: { stripPrefix: /files }, policies: { auth: public } }
      - { name: beta, match: { paths: ["/beta"], headers: { x-beta: "1" } }, policies: { auth: public } }
      - { name: moved, match: { paths: ["/old/*"] }, policies: { auth: public }, respond: { status: 308, headers: { location: "https://new.example/{*}" } } }
      - { name: cors, match: { methods: [GET], paths: ["/cors"] }, policies: { cors: { origins: ["https://app.example"], methods: [GET] } } }
`,
  { workers: 1, files: { 'keys.json': JSON.stringify({ keys: [ec.jwk] }) } }
)
const { loaded } = loadConfig(gateway.config)
if (loaded === null) throw new Error('the configuration does not load')
const { plan } = compilePlan(loaded, { generation: 1, stateDir: stateDirOf(loaded), writeFiles: false })
const linted = lintKeySet('corp', [ec.jwk], ['ES256'])
const keys: KeySet[] = [{ issuer: 'corp', version: 1, keys: linted.ok ? linted.keys : [], fetchedAt: 0 }]

const claims = { iss: 'https://idp.example', aud: 'api', sub: 'u1', exp: seconds() + 600 }
const bearer = (more = {}): [string, string] => ['authorization', `Bearer ${token(ec, { ...claims, ...more })}`]
const KEY: [string, string] = ['x-api-key', 'acme-key']
const json: [string, string] = ['content-type', 'application/json']
const preflight = (origin: string, method: string): [string, string][] => [
  ['origin', origin],
  ['access-control-request-method', method]
]

type Case = [method: string, target: string, headers: [string, string][], body?: string | undefined, host?: string]
const CASES: Case[] = [
  ['GET', '/orders', [KEY]],
  ['GET', '/orders/', [KEY]],
  ['HEAD', '/orders', [KEY]],
  ['GET', '/Orders', [KEY]],
  ['DELETE', '/orders', [KEY]],
  ['GET', '/orders', []],
  ['GET', '/orders', [['x-api-key', 'wrong']]],
  ['GET', '/orders', [bearer()]],
  ['GET', '/orders', [bearer({ exp: 1 })]],
  ['GET', '/orders', [bearer({ aud: 'x' })]],
  ['GET', '/orders', [bearer(), ['x-api-key', 'wrong']]],
  ['GET', '/orders', [bearer(), bearer({ sub: 'u2' })]],
  ['GET', '/orders', [KEY], undefined, 'other.example'],
  ['GET', '/orders', [KEY], undefined, 'a.wild.example:81'],
  ['GET', '/orders', [KEY], undefined, 'a.b.wild.example'],
  ['GET', '/orders', [KEY], undefined, 'API.example.com'],
  ['GET', '/orders', [KEY], undefined, 'user@api.example.com'],
  ['GET', '/orders/7', [KEY]],
  ['GET', '/orders/7', [bearer({ scope: 'read' })]],
  ['GET', '/orders/%37?x=1&x=2', [bearer({ scope: 'read' })]],
  ['GET', '/orders/a%2fb', [bearer({ scope: 'read' })]],
  ['GET', '/tenants/acme/x', [KEY]],
  ['GET', '/tenants/other/x', [KEY]],
  ['GET', '/tenants/acme/../other/x', [KEY]],
  ['GET', '/tenants/x/../../../x', [KEY]],
  ['GET', '//tenants//acme', [KEY]],
  ['POST', '/body', [KEY, json], '{}'],
  ['POST', '/body', [KEY], '{}'],
  ['POST', '/body', [KEY, json], 'x'.repeat(2000)],
  ['GET', '/guests', []],
  ['GET', '/guests', [['x-api-key', '']]],
  ['GET', '/fenced', [KEY]],
  ['GET', '/tried', [KEY]],
  ['GET', '/files/a/b?c', []],
  ['GET', '/filesystem', []],
  ['GET', '/beta', [['x-beta', '1']]],
  ['GET', '/beta', [['x-beta', '2']]],
  ['GET', '/old/a%20b', []],
  ['OPTIONS', '/cors', preflight('https://app.example', 'GET')],
  ['OPTIONS', '/cors', preflight('https://app.example', 'POST')],
  ['OPTIONS', '/cors', preflight('https://evil.example', 'GET')],
  ['GET', '/-/ready', []],
  ['BREW', '/orders', [KEY]],
  ['TRACE', '/orders', [KEY]],
  ['GET', '/nowhere', []],
  ['POST', '/orders', [KEY, ['expect', 'x']]],
  ['GET', '/orders', [KEY, ['connection', 'x-api-key, authorization']]]
]

t.test(`${CASES.length} requests: the same status and route`, async (t) => {
  const answered = await Promise.all(CASES.map((one, i) => answer(textOf(one, i))))
  for (const i of CASES.keys()) await gateway.line((line) => line['agent'] === agentOf(i))
  const lines = new Map(gateway.lines().map((line) => [line['agent'], line]))
  const decisions = new Set<string>()
  for (const [i, one] of CASES.entries()) {
    const [method, target, headers, body] = one
    const explained = await explainRequest(
      plan as Plan,
      {
        method,
        url: `http://api.example.com${target}`,
        headers: fieldsOf(one, i),
        body: body ?? null,
        as: null,
        claims: null,
        certificate: null,
        ip: '127.0.0.1',
        time: null,
        listener: null
      },
      keys
    )
    const what = `${method} ${target} ${JSON.stringify(headers).slice(0, 60)}`
    t.strictSame(answered[i]?.statuses, [explained.status], what)
    const line = lines.get(agentOf(i)) ?? {}
    t.equal(line['route'] ?? '', explained.route, `${what}: route`)
    t.equal(line['decision'], explained.decision, `${what}: decision`)
    if (explained.decision === 'deny') {
      const last = explained.steps.at(-1)
      t.equal(line['policy'], last?.policy, `${what}: policy`)
      t.equal(placeOf(line['where']), placeOf(last?.where), `${what}: line`)
    }
    decisions.add(`${explained.decision} ${explained.status}`)
    // What is worked out of the record afterwards is what the stages noted on the way.
    const { status: found, body: report } = await control(gateway, `/requests/${String(line['id'])}`)
    t.equal(found, 200, `${what}: remembered`)
    const { chain } = JSON.parse(report) as RequestReport
    const noted = explained.steps.map(({ policy, rule, verdict, shadow, where }) =>
      [policy, rule, shadow ? 'would deny' : verdict, placeOf(where)].join(' ')
    )
    let at = 0
    for (const { policy, rule, verdict, where } of chain) {
      if ([policy, rule, verdict, placeOf(where)].join(' ') === noted[at]) at++
    }
    t.equal(at, noted.length, `${what}: ${JSON.stringify({ noted, chain })}`)
  }
  t.ok(decisions.size >= 12, [...decisions].join(', '))
})

function agentOf(i: number): string {
  return `case-${i}`
}

function fieldsOf([, , headers, , host = 'api.example.com']: Case, i: number): [string, string][] {
  const own: [string, string][] = headers.some(([name]) => name === 'connection') ? [] : [['connection', 'close']]
  return [['host', host], ...headers, ...own, ['user-agent', agentOf(i)]]
}

function textOf(one: Case, i: number): string {
  const [method, target, , body] = one
  const fields = fieldsOf(one, i).map(([name, value]) => `${name}: ${value}\r\n`)
  if (body !== undefined) fields.push(`content-length: ${body.length}\r\n`)
  return `${method} ${target} HTTP/1.1\r\n${fields.join('')}\r\n${body ?? ''}`
}

function answer(text: string): ReturnType<typeof raw> {
  return raw(gateway.port, text)
}

function placeOf(where: unknown): string {
  return typeof where === 'string' ? (/\d+:\d+$/.exec(where)?.[0] ?? '') : ''
}

t.test('the command says the same', async (t) => {
  const run = (...args: string[]): ReturnType<typeof gatehouse> =>
    gatehouse('explain', ...args, '--config', join(gateway.dir, 'gatehouse.yaml'), '--ip', '127.0.0.1', '--json')
  const cases: [string[], number, number, string][] = [
    [['GET', 'http://api.example.com/orders', '-H', 'x-api-key: acme-key'], 0, 200, 's.exact'],
    [['GET', 'http://api.example.com/orders', '--as', 'acme'], 0, 200, 's.exact'],
    [['GET', 'http://api.example.com/tenants/other/x', '--as', 'acme'], 1, 403, 's.tenant']
  ]
  await Promise.all(
    cases.map(async ([args, code, status, route]) => {
      const ended = await run(...args)
      t.equal(ended.code, code, ended.stderr)
      t.match(JSON.parse(ended.stdout), { status, route })
    })
  )
  t.equal(gateway.child.exitCode, null)
})
