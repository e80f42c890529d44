/**
 * A client that had itself banned under a value of its own (a claim of its token) wrote that value to the terminal of
 * whoever listed the bans: colours, titles, and lines that looked like another's ban.
 */
import t from 'tap'
import { ask } from '../e2e/client.ts'
import { gatehouse } from '../e2e/command.ts'
import { startGateway } from '../e2e/gateway.ts'
import { seconds, signer, token } from '../e2e/tokens.ts'

const es = signer('ES256', 'e1')
const FORGED = '\u001b[31mevil\u0007\n192.0.2.1  scanner\u009b1A\u202e'

t.test('bans list, bans remove and explain write escapes', async (t) => {
  const gateway = await startGateway(
    t,
    `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
threats: { bans: [ { name: gone, count: { status: [410] }, by: "claim:sub", rate: 1/min, ban: 10m } ] }
issuers: [ { name: corp, issuer: "https://idp.example", audiences: [api], jwks: { keys: [ ${JSON.stringify(es.jwk)} ] } } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: { jwt: { issuers: [corp] } } }
    routes: [ { name: r, match: { paths: ["/gone"] }, respond: { status: 410 } } ]
`
  )
  const claims = { iss: 'https://idp.example', aud: 'api', sub: FORGED, exp: seconds() + 600 }
  const headers = { authorization: `Bearer ${token(es, claims)}` }
  let last = await ask(gateway.port, '/gone', { headers })
  for (let i = 0; i < 5 && last.status === 410; i++) last = await ask(gateway.port, '/gone', { headers })
  t.equal(last.status, 403)
  await gateway.said(/is banned: gone/)
  const config = ['--config', gateway.config]
  const list = await gatehouse('bans', 'list', ...config)
  t.ok(list.stdout.startsWith(String.raw`claim:sub \u{1b}[31mevil\u{7}\n192.0.2.1  scanner\u{9b}1A\u{202e}  gone  `))
  const explained = await gatehouse('explain', String(last.headers['x-request-id']), ...config)
  const id = /[0-9a-f]{12}(?=\n)/.exec(list.stdout)?.[0] ?? ''
  const removed = await gatehouse('bans', 'remove', id, ...config)
  t.equal(removed.code, 0)
  for (const { stdout, stderr } of [list, explained, removed])
    for (const line of (stdout + stderr).split('\n')) t.notMatch(line, /[\p{Cc}\p{Cf}]/u)
  t.match(explained.stdout, /evil/)
})
