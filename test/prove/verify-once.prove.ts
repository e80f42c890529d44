/** 20 times: 200 requests at once with one new token through 4 workers cost one verification for each worker. */
import { metric } from '../e2e/control.ts'
import { startGateway } from '../e2e/gateway.ts'
import { burst } from '../e2e/limits/burst.ts'
import { seconds, signer, token } from '../e2e/tokens.ts'
import { startUpstream } from '../e2e/upstream.ts'
import { proof } from './proof.ts'

const ROUNDS = 20
const REQUESTS = 200
const WORKERS = 4

await proof(`${REQUESTS} requests at once with one new token, ${WORKERS} workers`, async (owner) => {
  const signers = [signer('RS256', 'r1'), signer('ES256', 'e1')] as const
  const upstream = await startUpstream(owner)
  const gateway = await startGateway(
    owner,
    `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
log: { access: none }
issuers: [ { name: corp, issuer: "https://idp.example", jwks: keys.json, audiences: [api] } ]
services:
  - name: s
    url: ${upstream.url}
    policies: { auth: { jwt: { issuers: [corp] } } }
    routes: [ { name: r, match: { paths: ["/*"] } } ]
`,
    { workers: WORKERS, files: { 'keys.json': JSON.stringify({ keys: signers.map(({ jwk }) => jwk) }) } }
  )
  const costs: number[] = []
  let answered = 0
  for (let round = 0; round < ROUNDS; round++) {
    const by = signers[round % 2] ?? signers[0]
    const claims = { iss: 'https://idp.example', aud: 'api', sub: 'u', exp: seconds() + 600, jti: `${round}` }
    const request = `GET / HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${token(by, claims)}\r\n\r\n`
    const before = await metric(gateway, 'gatehouse_token_verifications_total')
    const { statuses } = await burst(gateway.port, REQUESTS, REQUESTS, () => request)
    answered += statuses.get(200) ?? 0
    costs.push((await metric(gateway, 'gatehouse_token_verifications_total')) - before)
  }
  const before = await metric(gateway, 'gatehouse_token_verifications_total')
  return {
    holds: costs.every((cost) => cost === WORKERS) && answered === ROUNDS * REQUESTS,
    figure: `${ROUNDS} rounds cost ${[...new Set(costs)].join(', ')} verifications each, ${before} in all; ${answered} of ${ROUNDS * REQUESTS} answered 200`
  }
})
