/**
 * A rule found a field that Connection named, and its service missed it: `Connection: x-sandbox` had a request judged as one
 * for the sandbox and served as any other.
 */
import t from 'tap'
import { Permit } from '../../src/pipeline/authorize.ts'
import { upstreamRequest } from '../../src/pipeline/messages.ts'
import { pipeline, type Described } from '../pipeline/kit.ts'

const YAML = `version: 1
listen:
  - { name: plain, address: "127.0.0.1:0" }
  - { name: proxied, address: "127.0.0.1:0", client: { addressFrom: "header:x-client-ip", trustedProxies: ["10.0.0.1"] } }
services:
  - name: s
    url: http://127.0.0.1:9
    routes:
      - { name: any, match: { paths: ["/any"] }, policies: { auth: public } }
      - { name: header, match: { paths: ["/match"], headers: { x-sandbox: "1" } }, policies: { auth: public } }
      - { name: sandbox, match: { paths: ["/sandbox"] }, policies: { auth: public, authorize: { when: '"x-sandbox" in request.headers' } } }
`

t.test('what Connection names is there for nobody', async (t) => {
  const stages = await pipeline(t, YAML)
  const status = async (described: Described): Promise<number> => (await stages.decide(described)).status
  const sandbox = { 'x-sandbox': '1' }
  for (const [target, without] of [
    ['/sandbox', 403],
    ['/match', 404]
  ] as const) {
    t.equal(await status({ target, headers: sandbox }), 200)
    for (const connection of ['x-sandbox', 'keep-alive, X-Sandbox', ' x-sandbox\t,close'])
      t.equal(await status({ target, headers: { ...sandbox, connection } }), without, connection)
  }
})

t.test('the service gets what was judged', async (t) => {
  const stages = await pipeline(t, YAML)
  const headers = { 'x-hop': '1', 'x-stays': '1', te: 'trailers', connection: 'te, x-hop' }
  const { x, outcome } = await stages.decide({ target: '/any', headers })
  if (!(outcome instanceof Permit)) throw new Error('no permit')
  const sent = upstreamRequest(outcome, x).headers
  t.ok(sent.includes('x-stays'))
  t.notOk(sent.includes('x-hop'))
  t.ok(sent.includes('te'), 'trailers are understood')
})

t.test('a field that names the client is read first, so that nobody passes as the proxy', async (t) => {
  const stages = await pipeline(t, YAML)
  const headers = { 'x-client-ip': '192.0.2.9', connection: 'x-client-ip' }
  const { x } = await stages.decide({ target: '/any', listener: 1, peer: '10.0.0.1', headers })
  t.equal(x.clientIp, '192.0.2.9')
})
