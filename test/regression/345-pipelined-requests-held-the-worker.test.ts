/**
 * uWebSockets.js serves all requests that one read of a connection brought before anything else: sixty clients that sent
 * refusable ones without end, and read nothing, held a worker for ten seconds, and the guard killed the process for it.
 */
import t from 'tap'
import { ask } from '../e2e/client.ts'
import { connect } from '../e2e/connection.ts'
import { startGateway } from '../e2e/gateway.ts'

const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
log: { access: none }
services:
  - name: s
    url: http://127.0.0.1:9
    routes:
      - { name: signed, match: { paths: ["/signed"] }, policies: { auth: { signature: true } } }
      - { name: own, match: { paths: ["/own"] }, policies: { auth: public }, respond: { status: 204 } }
`,
  { workers: 1 }
)
const request = (path: string, fields = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`
const REQUESTS: Record<string, string> = {
  refused: request('/nothing'),
  answered: request('/own'),
  'refused in a microtask': request('/signed', 'Signature-Input: a=();keyid="k"\r\nSignature: a=:AA==:\r\n')
}

for (const [name, one] of Object.entries(REQUESTS))
  t.test(`${name}: so many of one read, and no more`, async (t) => {
    const few = await connect(gateway.port)
    few.send(one.repeat(20))
    for (let i = 0; i < 20; i++) t.ok((await few.response()).status >= 200)
    few.close()
    const many = await connect(gateway.port)
    many.send(one.repeat(5000))
    t.ok(await many.ended())
    t.ok(many.rest.split('HTTP/1.1 ').length < 5000)
    many.close()
    t.equal((await ask(gateway.port, '/own')).status, 204)
  })
