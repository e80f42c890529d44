/**
 * The answer to a chunked request had `Connection: close` in the middle of its chunked body: uWS's end(body, true)
 * writes that field wherever the response stands.
 */
import t from 'tap'
import { connect } from '../e2e/connection.ts'
import { startGateway } from '../e2e/gateway.ts'
import { startUpstream } from '../e2e/upstream.ts'

t.test('a chunked answer to a chunked request is well formed', async (t) => {
  const service = await startUpstream(t, (request, response) => {
    request.resume().on('end', () => {
      response.write('one,')
      setTimeout(() => response.end('two'), 20)
    })
  })
  const gateway = await startGateway(
    t,
    `
version: 1
listen: [ { name: plain, address: "127.0.0.1:0" } ]
services:
  - name: main
    url: ${service.url}
    policies: { auth: public }
    routes: [ { name: any, match: { paths: ["/*"] } } ]
`
  )
  const connection = await connect(gateway.port)
  connection.send('POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n')
  const answer = await connection.response()
  t.same([answer.framing, answer.body, answer.truncated], ['chunked', 'one,two', false])
  t.same(answer.values('connection'), ['close'])
  t.ok(await connection.ended(), 'and nothing more can follow')
})
