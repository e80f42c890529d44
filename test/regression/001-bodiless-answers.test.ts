/**
 * HEAD answers had two Content-Length fields, the second 9223372036854775808, and never completed; 204 answers of a
 * `respond` route had a Content-Length of 0.
 */
import t from 'tap'
import { connect } from '../e2e/connection.ts'
import { startGateway } from '../e2e/gateway.ts'

t.test('HEAD and 204 are complete without a body', async (t) => {
  const gateway = await startGateway(
    t,
    `
version: 1
listen: [ { name: plain, address: "127.0.0.1:0" } ]
services:
  - name: own
    url: http://127.0.0.1:9
    policies: { auth: public }
    routes:
      - { name: text, match: { paths: ["/text"] }, respond: { status: 200, body: "hello" } }
      - { name: nothing, match: { paths: ["/nothing"] }, respond: { status: 204 } }
`
  )
  const connection = await connect(gateway.port)
  for (const [method, path, status, lengths] of [
    ['HEAD', '/text', 200, ['5']],
    ['GET', '/nothing', 204, []],
    ['HEAD', '/missing', 404, ['95']],
    ['GET', '/text', 200, ['5']]
  ] as const) {
    const answer = await connection.send(`${method} ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`).response(method)
    t.same([answer.status, answer.values('content-length')], [status, lengths], `${method} ${path}`)
  }
  connection.close()
})
