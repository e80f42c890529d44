/** Who may: groups, scopes and CEL rules over every level; the reason goes to the log and never to the caller. */
import { Agent } from 'node:http'
import t, { type Test } from 'tap'
import { ask, type Ask, type Reply } from '../client.ts'
import { startGateway } from '../gateway.ts'
import { seconds, sha256, signer, token } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'

const ec = signer('ES256', 'e1')
const upstream = await startUpstream(t)
const yaml = `version: 1
listen: [ { name: plain, address: "127.0.0.1:0" } ]
state: { dir: var }
issuers:
  - { name: corp, issuer: "https://idp.example", jwks: keys.json, audiences: [api], scopesClaim: scope, groupsClaim: groups, attributes: { tenant: org } }
consumers:
  - { name: acme, groups: [partners], scopes: ["orders:read"], attributes: { tenant: acme }, keys: [ { id: acme-1, hash: "sha256:${sha256('acme-key')}" } ] }
  - { name: other, keys: [ { id: other-1, hash: "sha256:${sha256('other-key')}" } ] }
profiles:
  - { name: partners, policies: { authorize: { name: partner, groups: [partners, staff], reason: "partners only" } } }
policies:
  authorize:
    - { name: no-robots, when: '!("user-agent" in request.headers) || !request.headers["user-agent"].startsWith("robot")', reason: "robots stay out" }
services:
  - name: s
    url: ${upstream.url}
    policies: { auth: { jwt: { issuers: [corp] }, key: { header: x-api-key, query: api_key } } }
    routes:
      - { name: groups, match: { paths: ["/groups"] }, policies: { authorize: { name: staff, groups: [staff, admins] } } }
      - { name: scopes, match: { paths: ["/scopes"] }, policies: { authorize: { scopes: ["orders:read", "orders:write"] } } }
      - { name: tenant, match: { paths: ["/tenants/{tenant}/*"] }, policies: { authorize: { name: own-tenant, when: 'caller.attributes.tenant == path.tenant', reason: "another tenant's" } } }
      - { name: profile, match: { paths: ["/profile"] }, use: [partners] }
      - { name: replaced, match: { paths: ["/replaced"] }, policies: { authorize: { name: no-robots, when: "true" } } }
      - { name: dropped, match: { paths: ["/dropped"] }, policies: { authorize: none } }
      - name: mixed
        match: { paths: ["/mixed"] }
        policies:
          authorize:
            - { groups: [staff], scopes: [deploy], when: 'request.method == "POST"' }
      - name: facts
        match: { paths: ["/facts/{id}"], hosts: ["{tenant}.example.com"] }
        policies:
          authorize:
            - { name: request, when: 'request.method == "GET" && request.host == "t1.example.com" && request.path == "/facts/a%2Cb" && request.scheme == "http" && request.listener == "plain" && size(request.id) == 26 && request.size == 0' }
            - { name: names, when: 'path.id == "a,b" && host.tenant == "t1" && query.q == "x y"' }
            - { name: hidden, when: '!("x-api-key" in request.headers) && !("api_key" in query)' }
            - { name: caller, when: 'caller.method == "key" && caller.credential == "acme-1" && consumer.name == "acme" && caller.subject == "" && caller.issuer == "" && "partners" in caller.groups && "orders:read" in caller.scopes' }
            - { name: client, when: 'cidr("127.0.0.0/8").containsIP(client.ip) && client.ip == "127.0.0.1" && now > timestamp("2024-01-01T00:00:00Z")' }
      - { name: claims, match: { paths: ["/claims"] }, policies: { authorize: { name: level, when: 'has(claims.level) && int(claims.level) >= 3 && claims.tags.exists(x, x == "a")' } } }
      - { name: careless, match: { paths: ["/careless"] }, policies: { authorize: { name: careless, when: 'claims.level > 3.0' } } }
      - { name: pattern, match: { paths: ["/pattern"] }, policies: { authorize: { name: pattern, when: 'query.q.matches("^(a+)+$")' } } }
      - { name: query, match: { paths: ["/query"] }, policies: { authorize: { name: role, when: 'query.role != "admin"' } } }
`
const gateway = await startGateway(t, yaml, { workers: 1, files: { 'keys.json': JSON.stringify({ keys: [ec.jwk] }) } })
const agent = new Agent({ keepAlive: true })
t.teardown(() => agent.destroy())

const KEY = { 'x-api-key': 'acme-key' }
const corp = (claims: Record<string, unknown> = {}): Record<string, string> => ({
  authorization: `Bearer ${token(ec, { iss: 'https://idp.example', aud: 'api', sub: 'u1', exp: seconds() + 3600, ...claims })}`
})
const get = (path: string, headers: Ask['headers'] = {}, more: Ask = {}): Promise<Reply> =>
  ask(gateway.port, path, { headers, agent, ...more })
const status = async (path: string, headers?: Ask['headers'], more?: Ask): Promise<number> =>
  (await get(path, headers, more)).status

/** 403 with nothing but the title, and the line that says why. */
async function refused(t: Test, reply: Reply, rule: string, reason: RegExp): Promise<void> {
  t.equal(reply.status, 403, rule)
  const id = reply.headers['x-request-id']
  t.equal(reply.body, `{"type":"about:blank","title":"Forbidden","status":403,"instance":"${String(id)}"}`)
  const line = await gateway.line((candidate) => candidate['id'] === id)
  t.match(line, { decision: 'deny', status: 403, problem: 'not-allowed', policy: 'authorize', reason })
  t.equal(line['rule'] ?? '', rule)
  t.match(line['where'], /gatehouse\.yaml:\d+:\d+$/)
  if (rule !== '') {
    const number = Number(/:(\d+):\d+$/.exec(String(line['where']))?.[1])
    t.match(yaml.split('\n')[number - 1], `name: ${rule}`, 'the line of the configuration')
  }
}

t.test('groups: any of them', async (t) => {
  t.equal(await status('/groups', corp({ groups: ['admins'] })), 200)
  t.equal(await status('/groups', corp({ groups: 'staff' })), 200)
  await refused(t, await get('/groups', KEY), 'staff', /none of the groups staff, admins/)
  await refused(
    t,
    await get('/groups', corp({ groups: ['Staff', 'admin', 'staff,admins'] })),
    'staff',
    /none of the groups/
  )
  await refused(t, await get('/groups', corp({ roles: ['staff'] })), 'staff', /none of the groups/)
})

t.test('scopes: all of them', async (t) => {
  t.equal(await status('/scopes', corp({ scope: 'orders:write orders:read x' })), 200)
  await refused(t, await get('/scopes', KEY), '', /missing scope orders:write/)
  await refused(t, await get('/scopes', corp({ scope: 'orders' })), '', /missing scope orders:read/)
  await refused(t, await get('/scopes', corp()), '', /missing scope/)
})

t.test('an attribute rule: the same for keys and tokens, by the decoded segment', async (t) => {
  t.equal(await status('/tenants/acme/1', KEY), 200)
  t.equal(await status('/tenants/%61cme/1', KEY), 200)
  t.equal(await status('/tenants/t9', corp({ org: 't9' })), 200)
  await refused(t, await get('/tenants/other/1', KEY), 'own-tenant', /another tenant's: when is false/)
  await refused(t, await get('/tenants/ACME/1', KEY), 'own-tenant', /when is false/)
  await refused(t, await get('/tenants/t9', corp()), 'own-tenant', /when failed/)
  await refused(t, await get('/tenants/t9', corp({ org: ['t9'] })), 'own-tenant', /when (failed|is false)/)
})

t.test('levels: all hold, outermost first; a name replaces; none drops', async (t) => {
  const robot = { ...KEY, 'user-agent': 'robot/1' }
  t.equal(await status('/profile', KEY), 200)
  await refused(t, await get('/profile', robot), 'no-robots', /robots stay out/)
  await refused(t, await get('/profile', { 'x-api-key': 'other-key' }), 'partner', /partners only/)
  await refused(t, await get('/profile', { 'x-api-key': 'other-key', 'user-agent': 'robot/1' }), 'no-robots', /robots/)
  t.equal(await status('/replaced', robot), 200)
  t.equal(await status('/dropped', robot), 200)
})

t.test('in one rule all keys must hold', async (t) => {
  const who = corp({ groups: ['staff'], scope: 'deploy' })
  t.equal(await status('/mixed', who, { method: 'POST' }), 200)
  t.equal(await status('/mixed', who), 403)
  t.equal(await status('/mixed', corp({ groups: ['staff'] }), { method: 'POST' }), 403)
  t.equal(await status('/mixed', corp({ scope: 'deploy' }), { method: 'POST' }), 403)
})

t.test('what rules can see of a request, and that credentials are not among it', async (t) => {
  const headers = { ...KEY, host: 't1.example.com' }
  t.equal(await status('/facts/a%2Cb?q=x+y', headers), 200)
  await refused(t, await get('/facts/a%2Cb?q=x', headers), 'names', /when is false/)
  await refused(t, await get('/facts/a%2Cb', headers), 'names', /when failed/)
  await refused(t, await get('/facts/other?q=x+y', headers), 'request', /when is false/)
  t.equal(await status('/facts/a%2Cb?q=x+y&api_key=acme-key', { host: 't1.example.com' }), 200)
})

t.test('claims: a missing key, a wrong type, an unlucky list refuse', async (t) => {
  t.equal(await status('/claims', corp({ level: 3, tags: ['b', 'a'] })), 200)
  for (const claims of [
    {},
    { level: 2, tags: ['a'] },
    { level: '3x', tags: ['a'] },
    { level: 3 },
    { level: 3, tags: 'a' },
    { level: 3, tags: [] },
    { level: null, tags: ['a'] },
    { level: 1e300, tags: ['a'] }
  ]) {
    await refused(t, await get('/claims', corp(claims)), 'level', /when (failed|is false)/)
  }
  t.equal(await status('/careless', corp({ level: 4 })), 200)
  for (const claims of [{}, { level: '4' }, { level: [4] }, { level: true }])
    await refused(t, await get('/careless', corp(claims)), 'careless', /when failed/)
  await refused(t, await get('/careless', KEY), 'careless', /when failed/)
})

t.test('a parameter sent twice refuses, however its name is spelt', async (t) => {
  t.equal(await status('/query?role=user', KEY), 200)
  for (const query of ['role=admin', '%72ole=admin', 'role=user&role=admin', 'role=user&%72ole=user', '', 'role=%zz']) {
    t.equal(await status(`/query?${query}`, KEY), 403, query)
  }
})

t.test('matches comes to its end where a backtracking engine would not', async (t) => {
  t.equal(await status(`/pattern?q=${'a'.repeat(200)}`, KEY), 200)
  t.equal(await status(`/pattern?q=${'a'.repeat(2000)}b`, KEY), 403)
})

t.test('no answer of all these names a rule, a line or a reason', async (t) => {
  const { body, headers } = await get('/groups', KEY)
  t.notMatch(JSON.stringify([body, headers]), /staff|gatehouse|yaml|group|authorize|robot|127\.0\.0\.1/i)
  t.equal(gateway.child.exitCode, null)
})
