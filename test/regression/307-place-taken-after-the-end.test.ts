/**
 * A client that left while its token was verified: the stages went on and took a place of a concurrency limit after
 * the exchange had given back what it held, so that the place was lost for good. Five such clients shut a caller out.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { ask } from '../e2e/client.ts'
import { startGateway } from '../e2e/gateway.ts'
import { PATIENCE } from '../e2e/patience.ts'
import { seconds, signer, token } from '../e2e/tokens.ts'

const MOST = 5
const key = signer('RS256', 'r1')
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
issuers: [ { name: corp, issuer: "https://idp.example", jwks: keys.json, audiences: any } ]
services:
  - name: s
    policies: { auth: { jwt: { issuers: [corp] } }, limits: [ { name: parallel, concurrent: ${MOST}, by: caller } ] }
    routes: [ { name: r, match: { paths: ["/*"] }, respond: { status: 200, body: x } } ]
`,
  {
    workers: 1,
    files: { 'keys.json': JSON.stringify({ keys: [key.jwk] }) },
    env: { GATEHOUSE_VERIFY_PER_CLIENT: '1000' }
  }
)
let made = 0
const bearer = (): string =>
  token(key, { iss: 'https://idp.example', sub: 'u', jti: `t${made++}`, exp: seconds() + 600 })

t.test('places are given back by those who left before they took them', async (t) => {
  for (let round = 0; round < 4; round++) {
    const sockets = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const socket = connect(gateway.port, '127.0.0.1')
        await once(socket, 'connect')
        return socket
      })
    )
    for (const socket of sockets) {
      socket.on('error', () => {})
      socket.write(`GET /a HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${bearer()}\r\n\r\n`, () => socket.destroy())
    }
    await Promise.all(sockets.map((socket) => once(socket, 'close')))
  }
  const good = { headers: { authorization: `Bearer ${bearer()}` } }
  const until = Date.now() + PATIENCE
  while (Date.now() < until && (await ask(gateway.port, '/a', good)).status !== 200);
  t.equal((await ask(gateway.port, '/a', good)).status, 200)
})
