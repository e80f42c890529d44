/** The configuration of the exactness proofs: consumers `c0`, `c1`, …, each allowed 100 requests an hour. */
import { sha256 } from '../tokens.ts'

export const ADMITTED = 100
export const REQUESTS = 1000
export const CONNECTIONS = 200
export const WORKERS = 4

export function exactConfig(upstream: string, consumers: number): string {
  const list = Array.from(
    { length: consumers },
    (_, i) => `  - { name: c${i}, keys: [ { id: k${i}, hash: "sha256:${sha256(`key-${i}`)}" } ] }`
  )
  return `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
log: { access: none }
consumers:
${list.join('\n')}
services:
  - name: s
    url: ${upstream}
    policies: { auth: { key: true }, limits: [ { name: plan, rate: ${ADMITTED}/h, by: consumer } ] }
    routes: [ { name: r, match: { paths: ["/*"] } } ]
`
}

export function exactRequest(consumer: number): string {
  return `GET /r HTTP/1.1\r\nhost: a\r\nx-api-key: key-${consumer}\r\n\r\n`
}
