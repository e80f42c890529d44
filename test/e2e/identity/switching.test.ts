/** A route goes over from API keys to tokens while it is called, as the README shows: nobody who may call is refused. */
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { ask } from '../client.ts'
import { gatehouse } from '../command.ts'
import { startGateway } from '../gateway.ts'
import { seconds, sha256, signer, token } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'

const ec = signer('ES256', 'e1')
const upstream = await startUpstream(t)
const yaml = (auth: string): string => `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
issuers:
  - { name: corp, issuer: "https://idp.example", jwks: keys.json, audiences: [api], consumerClaim: azp }
consumers:
  - { name: acme, clients: [ { issuer: corp, id: acme-app } ], keys: [ { id: k1, hash: "sha256:${sha256('acme-key')}" } ] }
services:
  - name: s
    url: ${upstream.url}
    routes:
      - { name: r, match: { paths: ["/r"] }, policies: { auth: { ${auth} } } }
`
type Fields = Record<string, string>

const BEFORE = 'key: true'
const BOTH = 'jwt: { issuers: [corp] }, key: true, require: any'
const AFTER = 'jwt: { issuers: [corp] }'
const KEY: Fields = { 'x-api-key': 'acme-key' }
const TOKEN: Fields = {
  authorization: `Bearer ${token(ec, { iss: 'https://idp.example', aud: 'api', sub: 'u', azp: 'acme-app', exp: seconds() + 3600, iat: seconds() })}`
}

t.test('any first, then keys off', async (t) => {
  const gateway = await startGateway(t, yaml(BEFORE), { files: { 'keys.json': JSON.stringify({ keys: [ec.jwk] }) } })
  const status = async (headers: Fields): Promise<number> => (await ask(gateway.port, '/r', { headers })).status
  const change = async (auth: string): Promise<void> => {
    gateway.writeConfig(yaml(auth))
    const { code, stderr } = await gatehouse('reload', '--config', gateway.config)
    t.equal(code, 0, stderr)
  }
  /** Called all the while, as `headers` says at the time. */
  let headers: Fields = KEY
  let calling = true
  const answers: number[] = []
  const caller = (async () => {
    while (calling) {
      answers.push(await status(headers))
      await pause(2)
    }
  })()

  t.strictSame([await status(KEY), await status(TOKEN)], [200, 401])
  await change(BOTH)
  t.strictSame([await status(KEY), await status(TOKEN)], [200, 200], 'each by itself')
  t.equal(await status({ ...KEY, ...TOKEN }), 200, 'and both at once, while clients change over')
  headers = TOKEN
  const before = answers.length
  while (answers.length < before + 3) await pause(5)
  await change(AFTER)
  t.strictSame([await status(KEY), await status(TOKEN)], [401, 200])
  calling = false
  await caller
  t.ok(answers.length > 10)
  t.strictSame([...new Set(answers)], [200], `${answers.length} calls, none refused`)
})
