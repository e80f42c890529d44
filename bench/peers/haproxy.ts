/** HAProxy, one thread, without an access log: plain, and with the same checks as the secured path. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { folder, freePort, GATEWAY_CORE, listening, start } from '../processes.ts'
import { AUDIENCE, ISSUER, SCOPE, type Signer, TENANT } from '../tokens.ts'
import type { Peer } from './peer.ts'

/** Never reached: what a limit costs is its counting. */
const UNREACHED = 2_000_000_000

export function startHaproxy(upstream: number): Promise<Peer> {
  return run('HAProxy', upstream, [])
}

/** A token of `signer` with issuer, audience, expiry, scope and tenant checked, and a rate per address in a stick table. */
export function startSecuredHaproxy(upstream: number, signer: Signer): Promise<Peer> {
  const key = join(folder, `haproxy-${signer.algorithm}.pem`)
  writeFileSync(key, signer.pem())
  const claims: [condition: string, status: number][] = [
    [`{ var(txn.alg) -m str ${signer.algorithm} }`, 401],
    [`{ var(txn.token),jwt_verify(txn.alg,"${key}") -m int 1 }`, 401],
    [`{ var(txn.token),jwt_payload_query('$.iss') -m str ${ISSUER} }`, 401],
    [`{ var(txn.token),jwt_payload_query('$.aud') -m str ${AUDIENCE} }`, 401],
    [`{ var(txn.left) -m int gt 0 }`, 401],
    [`{ var(txn.token),jwt_payload_query('$.scope') -m sub ${SCOPE} }`, 403],
    [`{ var(txn.token),jwt_payload_query('$.tenant') -m str ${TENANT} }`, 403]
  ]
  return run(`HAProxy jwt_verify ${signer.algorithm}`, upstream, [
    'stick-table type ip size 100k expire 60s store http_req_rate(10s)',
    'http-request track-sc0 src',
    `http-request deny deny_status 429 if { sc_http_req_rate(0) gt ${UNREACHED} }`,
    'http-request set-var(txn.token) http_auth_bearer',
    `http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')`,
    'http-request set-var(txn.now) date()',
    `http-request set-var(txn.left) var(txn.token),jwt_payload_query('$.exp','int'),sub(txn.now)`,
    ...claims.map(([condition, status]) => `http-request deny deny_status ${status} unless ${condition}`),
    `http-request set-header X-Subject %[var(txn.token),jwt_payload_query('$.sub')]`,
    'http-request del-header Authorization'
  ])
}

let instances = 0

async function run(name: string, upstream: number, rules: readonly string[]): Promise<Peer> {
  const port = await freePort()
  const own = join(folder, `haproxy-${++instances}`)
  mkdirSync(own)
  const file = join(own, 'haproxy.cfg')
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1m
  option http-keep-alive
  http-reuse always
frontend public
  bind 127.0.0.1:${port} backlog 4096
${rules.map((rule) => `  ${rule}\n`).join('')}  default_backend services
backend services
  http-request set-header X-Forwarded-For %[src]
  server one 127.0.0.1:${upstream} pool-max-conn 256
`
  )
  const program = start(name, 'haproxy', ['-db', '-f', file], { core: GATEWAY_CORE })
  await listening(program, port)
  return { name, port, program, compiles: false, logs: [] }
}
