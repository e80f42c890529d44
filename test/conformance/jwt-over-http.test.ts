/** The public vectors as bearer tokens over HTTP. Their payloads are no claims sets, so each of them is a 401. */
import { Agent } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { ask } from '../e2e/client.ts'
import { metric, sample, settled } from '../e2e/control.ts'
import { startGateway } from '../e2e/gateway.ts'
import { startUpstream } from '../e2e/upstream.ts'
import { skipVectors, vectors } from './vectors.ts'

interface Group {
  public?: Jwk
  private: Jwk
  comment: string
  tests: { tcId: number; comment: string; jws?: unknown; jwe?: unknown; flags: string[] }[]
}
type Jwk = Record<string, unknown> & { keys?: Jwk[] }

/** Vectors that contradict themselves, see wycheproof-jws.test.ts. */
const QUIRKS = new Set([346, 347, 350, 351, 372, 373])
const PRIVATE = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi'])
const AT_ONCE = 8

const FILES: [string, number][] = [
  ['json_web_signature_test.json', 401 - QUIRKS.size],
  ['json_web_encryption_test.json', 139],
  ['json_web_crypto_test.json', 1],
  ['json_web_key_test.json', 26]
]
const OUTBOUND = 'a connection goes out'

interface Case {
  tcId: number
  comment: string
  vector: unknown
}

t.test('every JWS and JWE vector is a 401, by its class', { skip: skipVectors }, async (t) => {
  const groups = (file: string): Group[] => vectors<{ testGroups: Group[] }>(`wycheproof/${file}`).testGroups
  const upstream = await startUpstream(t)
  // With the vectors' own keys, so that it isn't for want of a key that they are refused.
  const keys = groups('json_web_signature_test.json').flatMap((group) => publicKeys(group.public ?? group.private))
  const gateway = await startGateway(
    t,
    `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
log: { access: none }
issuers: [ { name: corp, issuer: "https://idp.example", jwks: keys.json, audiences: any } ]
services:
  - name: api
    url: ${upstream.url}
    policies: { auth: { jwt: { issuers: [corp], header: authorization, query: t, expiry: optional } } }
    routes:
      - { name: any, match: { paths: ["/*"] } }
      - { name: open, match: { paths: [/open] }, policies: { auth: public } }
`,
    {
      workers: 1,
      files: { 'keys.json': JSON.stringify({ keys }) },
      preload: [join(import.meta.dirname, '../e2e/outbound.ts')]
    }
  )
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  t.teardown(() => agent.destroy())
  // What the gateway connects to at its start, if anything, is nothing that a token asked for.
  const from = gateway.stderr.length

  let sent = 0
  for (const [file, least] of FILES) {
    const classes = classesOf(groups(file), file)
    const count = [...classes.values()].reduce((sum, cases) => sum + cases.length, 0)
    t.ok(count >= least, `${file}: ${count}`)
    for (const [name, cases] of classes) {
      t.test(`${file}: ${name}`, async (t) => {
        await Promise.all(
          cases.map(async ({ tcId, comment, vector }) => {
            const { path, headers } = presented(vector)
            const { status } = await ask(gateway.port, path, { headers, agent })
            t.equal(status, 401, `${tcId} ${comment}`)
            sent++
          })
        )
      })
    }
  }
  t.test('none of them reached the upstream, had the gateway ask anybody, or shook it', async (t) => {
    t.strictSame(upstream.seen, [])
    const refusals = { route: 'api.any', status: '4xx' }
    const exposition = await settled(gateway, 'gatehouse_requests_total', sent, refusals)
    t.equal(sample(exposition, 'gatehouse_requests_total', refusals), sent)
    t.equal(await metric(gateway, 'gatehouse_stage_exceptions_total'), 0)
    t.equal(gateway.child.exitCode, null)
    t.notMatch(gateway.stderr.slice(from), OUTBOUND)
    t.equal((await ask(gateway.port, '/open')).status, 200)
    await gateway.said(new RegExp(OUTBOUND), from)
  })
})

/** By the kind of the vectors' group, and what they are flagged as. */
function classesOf(groups: readonly Group[], file: string): Map<string, Case[]> {
  const classes = new Map<string, Case[]>()
  for (const { comment: kind, tests } of groups) {
    for (const { tcId, comment, jws, jwe, flags } of tests) {
      if (file === 'json_web_signature_test.json' && QUIRKS.has(tcId)) continue
      const name = [kind, ...flags].join(', ')
      const cases = classes.get(name) ?? []
      classes.set(name, [...cases, { tcId, comment, vector: jws ?? jwe }])
    }
  }
  return classes
}

/** As a Bearer token, or in the query where a header can't hold it: the JSON serialisations, and bytes beyond ASCII. */
function presented(vector: unknown): { path: string; headers: Record<string, string> } {
  const text = typeof vector === 'string' ? vector : JSON.stringify(vector)
  return /^[!-~]+$/.test(text) && text.length < 12_000
    ? { path: '/x', headers: { authorization: `Bearer ${text}` } }
    : { path: `/x?t=${encodeURIComponent(text)}`, headers: {} }
}

function publicKeys(jwk: Jwk): Jwk[] {
  const all = jwk.keys ?? [jwk]
  return all
    .filter(({ kty }) => kty !== 'oct')
    .map((key) => Object.fromEntries(Object.entries(key).filter(([name]) => !PRIVATE.has(name))))
}
