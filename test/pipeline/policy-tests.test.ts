/** The configuration's tests, run: what they see of bans, certificates, external services and limits. */
import t from 'tap'
import { runPolicyTests } from '../../src/pipeline/policy-tests.ts'
import { makeCertificate } from '../control/compile/certificate.ts'
import { compile, folderOf } from '../control/compile/configuration.ts'

async function verdicts(yaml: string, files: Record<string, string> = {}): Promise<Record<string, string>> {
  const { plan, tests, findings } = compile(yaml, folderOf(files))
  if (plan === null) throw new Error(findings.map(({ where, message }) => `${where} ${message}`).join('\n'))
  const outcomes = await runPolicyTests(plan, tests, [])
  return Object.fromEntries(
    outcomes.map(({ test, verdict, reason, mismatches }) => [
      test.name,
      [verdict, reason, ...mismatches.map(({ key, expected, got }) => `${key}: ${expected}, not ${got}`)]
        .filter(Boolean)
        .join(' ')
    ])
  )
}

t.test('client certificates: by name, only where the listener asks', async (t) => {
  const server = await makeCertificate('a', { names: [{ type: 'dns', value: 'a.example' }] })
  const authority = await makeCertificate('authority')
  const got = await verdicts(
    `version: 1
listen:
  - { name: open, address: "127.0.0.1:0", tls: true }
  - { name: m2m, address: "127.0.0.1:0", tls: { clientCertificates: { ca: ca.pem, required: true } } }
tls: { certificates: [ { hosts: [a.example], cert: c.pem, key: k.pem } ] }
consumers: [ { name: acme, certificates: [ { san: "DNS:client.acme.example" } ] } ]
services: [ { name: s, url: "http://127.0.0.1:9", policies: { auth: { certificate: true } }, routes: [ { name: r, match: { paths: [/] } } ] } ]
tests:
  - { name: known, request: { url: "https://a.example/", certificate: { san: "DNS:Client.acme.example" } }, expect: { decision: forward, headers: { x-consumer: acme } } }
  - { name: unknown, request: { url: "https://a.example/", certificate: { san: ["DNS:other.example", "URI:urn:x"] } }, expect: { decision: deny, status: 401, policy: auth } }
  - { name: not asked, request: { url: "https://a.example/", listener: open, certificate: { san: "DNS:client.acme.example" } }, expect: { decision: deny, status: 401, policy: auth } }
  - { name: none shown, request: { url: "https://a.example/", listener: m2m }, expect: { decision: deny, status: 401, policy: listen } }
  - { name: by name, request: { url: "https://a.example/", listener: m2m, as: acme }, expect: { decision: forward, headers: { x-auth-method: certificate } } }
  - { name: by name wherever one is asked for, request: { url: "https://a.example/", as: acme }, expect: { decision: forward, headers: { x-auth-method: certificate } } }
  - { name: by name where none is asked for, request: { url: "https://a.example/", listener: open, as: acme }, expect: { decision: deny, status: 401, policy: auth } }
`,
    { 'c.pem': server.cert, 'k.pem': server.key, 'ca.pem': authority.cert }
  )
  t.strictSame(new Set(Object.values(got)), new Set(['passed']), JSON.stringify(got))
})

t.test('bans: repetitions are told to detection, and no test sees another’s', async (t) => {
  const got = await verdicts(`version: 1
listen: [ { address: "127.0.0.1:0" } ]
threats: { bans: [ { name: refused, count: { status: [401] }, by: ip, rate: 3/min, ban: 10m } ], honeypots: [/secret] }
services: [ { name: s, url: "http://127.0.0.1:9", policies: { auth: { key: true } }, routes: [ { name: r, match: { paths: ["/*"] } } ] } ]
tests:
  - { name: N, request: { url: "http://a/", repeat: 4 }, expect: { decision: deny, status: 401 } }
  - { name: N+1, request: { url: "http://a/", repeat: 5 }, expect: { decision: deny, status: 403, policy: ban, rule: refused } }
  - { name: afterwards, request: { url: "http://a/" }, expect: { decision: deny, status: 401 } }
  - { name: honeypot, request: { url: "http://a/secret" }, expect: { decision: deny, status: 403, policy: honeypot } }
  - { name: after it, request: { url: "http://a/secret", repeat: 2 }, expect: { decision: deny, status: 403, policy: ban } }
`)
  t.strictSame(new Set(Object.values(got)), new Set(['passed']), JSON.stringify(got))
})

t.test('limits: at N and N+1, rates and requests at once, whatever the clock does meanwhile', async (t) => {
  const got = await verdicts(`version: 1
listen: [ { address: "127.0.0.1:0" } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public }
    routes:
      - { name: fast, match: { paths: [/fast] }, policies: { limits: [ { name: fast, rate: 1000/s, by: ip } ] } }
      - { name: once, match: { paths: [/once] }, policies: { limits: [ { name: once, concurrent: 3, by: ip } ] } }
      - { name: line, match: { paths: [/line] }, policies: { limits: [ { name: line, concurrent: 3, queue: 2, by: ip } ] } }
      - { name: quota, match: { paths: [/quota] }, policies: { limits: [ { name: month, quota: 5/month, by: ip } ] } }
      - { name: window, match: { paths: [/window] }, policies: { limits: [ { name: window, rate: 5/min, algorithm: sliding, by: ip } ] } }
tests:
${[
  ['fast', 1000],
  ['once', 3],
  ['line', 3],
  ['quota', 5],
  ['window', 5]
]
  .map(
    ([
      path,
      most
    ]) => `  - { name: ${path} N, request: { url: "http://a/${path}", repeat: ${most} }, expect: { decision: forward } }
  - { name: ${path} N+1, request: { url: "http://a/${path}", repeat: ${Number(most) + 1} }, expect: { decision: deny, status: 429 } }
`
  )
  .join('')}`)
  t.strictSame(new Set(Object.values(got)), new Set(['passed']), JSON.stringify(got))
})

t.test('a service of the owner’s is not asked offline, and its yes is not made up for others', async (t) => {
  const got = await verdicts(`version: 1
listen: [ { address: "127.0.0.1:0" } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public, external: { url: "http://127.0.0.1:9/check", copyBack: [x-tenant] } }
    routes: [ { name: r, match: { paths: [/] } }, { name: d, match: { paths: [/d] }, policies: { authorize: { name: tenant, when: 'request.headers["x-tenant"] == "a"' } } } ]
tests:
  - { name: passes, request: { url: "http://a/", headers: { x-tenant: forged } }, expect: { decision: forward, headers: { x-tenant: none } } }
  - { name: adds nothing, request: { url: "http://a/d", headers: { x-tenant: a } }, expect: { decision: deny, status: 403, rule: tenant } }
`)
  t.strictSame(new Set(Object.values(got)), new Set(['passed']), JSON.stringify(got))
})

t.test(
  'headers of what the client gets: a refusal’s challenge, Allow, Retry-After, and none of the inside',
  async (t) => {
    const cases = [
      [
        'challenged',
        'url: "http://a/r"',
        401,
        '{ www-authenticate: ApiKey, content-type: application/problem+json, server: none }'
      ],
      ['not so challenged', 'url: "http://a/r"', 401, '{ www-authenticate: Bearer }'],
      ['no challenge missing', 'url: "http://a/r"', 401, '{ www-authenticate: none }'],
      ['allowed', 'url: "http://a/r", method: PUT', 405, '{ allow: "GET, HEAD" }'],
      [
        'for a page',
        'url: "http://a/r", headers: { origin: "https://app.example" }',
        401,
        '{ access-control-allow-origin: "https://app.example" }'
      ],
      ['in a minute', 'url: "http://a/l", repeat: 2', 429, '{ retry-after: "60" }']
    ] as const
    const got = await verdicts(`version: 1
listen: [ { address: "127.0.0.1:0" } ]
consumers: [ { name: acme } ]
services:
  - name: s
    url: http://127.0.0.1:9
    routes:
      - { name: r, match: { methods: [GET], paths: [/r] }, policies: { auth: { key: true }, cors: { origins: ["https://app.example"] } } }
      - { name: l, match: { paths: [/l] }, policies: { auth: public, limits: [ { name: one, rate: 1/min, by: ip } ] } }
tests:
${cases.map(([name, request, status, headers]) => `  - { name: ${name}, request: { ${request} }, expect: { decision: deny, status: ${status}, headers: ${headers} } }`).join('\n')}
`)
    t.strictSame(got, {
      challenged: 'passed',
      'not so challenged': 'failed headers.www-authenticate: Bearer, not ApiKey',
      'no challenge missing': 'failed headers.www-authenticate: none, not ApiKey',
      allowed: 'passed',
      'for a page': 'passed',
      'in a minute': 'passed'
    })
  }
)

t.test('limits over several hosts count as on one, and miss no store', async (t) => {
  const route = (name: string, more: string): string =>
    `      - { name: ${name}, match: { paths: ["/${name}"] }, policies: { limits: [ { name: l, rate: 3/h, by: all, scope: cluster, ${more} } ] } }`
  const cases = (
    name: string
  ): string => `  - { name: ${name} N, request: { url: "http://a/${name}", repeat: 3 }, expect: { decision: forward } }
  - { name: ${name} N+1, request: { url: "http://a/${name}", repeat: 4 }, expect: { decision: deny, status: 429, rule: l } }`
  const got = await verdicts(`version: 1
listen: [ { address: "127.0.0.1:0" } ]
cluster: { redis: "redis://127.0.0.1:9" }
services:
  - name: s
    url: "http://127.0.0.1:9"
    policies: { auth: public }
    routes:
${route('first', 'onFailure: closed')}
${route('strict', 'strict: true, onFailure: closed')}
tests:
${cases('first')}
${cases('strict')}
`)
  t.strictSame(new Set(Object.values(got)), new Set(['passed']), JSON.stringify(got))
})
