/** The public vectors as bearer tokens over HTTP. Their payloads are no claims sets, so each of them is a 401. */
import { Agent } from 'node:http'
import t from 'tap'
import { ask } from '../e2e/client.ts'
import { metric, sample, settled } from '../e2e/control.ts'
import { startGateway } from '../e2e/gateway.ts'
import { startUpstream } from '../e2e/upstream.ts'
import { skipVectors, vectors } from './vectors.ts'

interface Group {
  public?: Jwk
  private: Jwk
  tests: { tcId: number; comment: string; jws?: unknown; jwe?: unknown }[]
}
type Jwk = Record<string, unknown> & { keys?: Jwk[] }

/** Vectors that contradict themselves, see wycheproof-jws.test.ts. */
const QUIRKS = new Set([346, 347, 350, 351, 372, 373])
const PRIVATE = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi'])
const AT_ONCE = 8

t.test('every JWS and JWE vector is a 401', { skip: skipVectors }, async (t) => {
  const groups = (file: string): Group[] => vectors<{ testGroups: Group[] }>(`wycheproof/${file}`).testGroups
  const signed = groups('json_web_signature_test.json')
  const upstream = await startUpstream(t)
  // With the vectors' own keys, so that it isn't for want of a key that they are refused.
  const keys = signed.flatMap((group) => publicKeys(group.public ?? group.private))
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
    routes: [ { name: any, match: { paths: ["/*"] } } ]
`,
    { workers: 1, files: { 'keys.json': JSON.stringify({ keys }) } }
  )
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  t.teardown(() => agent.destroy())

  const files: [string, Group[], number][] = [
    ['json_web_signature_test.json', signed, 401 - QUIRKS.size],
    ['json_web_encryption_test.json', groups('json_web_encryption_test.json'), 139],
    ['json_web_crypto_test.json', groups('json_web_crypto_test.json'), 0],
    ['json_web_key_test.json', groups('json_web_key_test.json'), 26]
  ]
  for (const [file, list, least] of files) {
    const cases = list
      .flatMap(({ tests }) => tests)
      .filter(({ tcId }) => file !== 'json_web_signature_test.json' || !QUIRKS.has(tcId))
    t.ok(cases.length >= least && cases.length > 0, `${file}: ${cases.length}`)
    await Promise.all(
      cases.map(async ({ tcId, comment, jws, jwe }) => {
        const { path, headers } = presented(jws ?? jwe)
        const { status } = await ask(gateway.port, path, { headers, agent })
        t.equal(status, 401, `${file} ${tcId} ${comment}`)
      })
    )
  }
  t.strictSame(upstream.seen, [], 'none reached the upstream')
  const refusals = { route: 'api.any', status: '4xx' }
  const exposition = await settled(gateway, 'gatehouse_requests_total', total(files), refusals)
  t.equal(sample(exposition, 'gatehouse_requests_total', refusals), total(files))
  t.equal(await metric(gateway, 'gatehouse_stage_exceptions_total'), 0)
  t.equal(gateway.child.exitCode, null)
})

function total(files: [string, Group[], number][]): number {
  return files.reduce((sum, [, list]) => sum + list.reduce((n, { tests }) => n + tests.length, 0), 0) - QUIRKS.size
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
