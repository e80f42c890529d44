/**
 * A refusal that is padded past uWS's cork buffer goes to the kernel within the handler. Where the client had reset the
 * connection, uWS did not take it for complete, and a handler that leaves an answer incomplete ends the process: anybody
 * could, with a malformed request and a reset.
 */
import t from 'tap'
import net from 'node:net'
import { ask } from '../e2e/client.ts'
import { startGateway } from '../e2e/gateway.ts'

const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
log: { access: none }
services: [ { name: s, url: http://127.0.0.1:9, policies: { auth: public }, routes: [ { name: r, match: { paths: ["/a"] }, respond: { status: 204 } } ] } ]
`,
  { workers: 1 }
)
const pid = await gateway.gatewayPid()

/** While the gateway answers the first requests of one packet, the reset overtakes it. */
const MANY = 'GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(30)

function reset(bytes: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect(gateway.port, '127.0.0.1')
    socket.on('error', () => {}).on('close', () => resolve())
    socket.on('connect', () => socket.write(bytes, () => socket.resetAndDestroy()))
  })
}

t.test('the process outlives resets, whatever it was about to answer', async (t) => {
  for (const last of ['GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n', MANY, 'HEAD /%00 HTTP/1.1\r\nHost: a\r\n\r\n'])
    for (let i = 0; i < 60; i++) await Promise.all(Array.from({ length: 10 }, () => reset(MANY + last)))
  t.equal((await ask(gateway.port, '/a')).status, 204)
  t.equal(await gateway.gatewayPid(), pid)
  t.notMatch(gateway.stderr, /SIGABRT/)
})
