/** A client that went on with an expired token, or with a wrong clock, was banned where each request has a proof of its own. */
import t from 'tap'
import { town } from '../threats/kit.ts'

const YAML = `version: 1
listen: [ { address: "127.0.0.1:0" } ]
issuers: [ { name: corp, issuer: https://corp.example, jwks: { keys: [ { kty: OKP, crv: Ed25519, kid: k, x: 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo } ] }, audiences: [a] } ]
services:
  - name: s
    url: http://127.0.0.1:9
    routes:
      - { name: token, match: { paths: ["/token"] }, policies: { auth: { jwt: { issuers: [corp] } } } }
      - { name: signed, match: { paths: ["/signed"] }, policies: { auth: { signature: true } } }
`
const from = '192.0.2.1'
const input = (keyid: string, nonce: number): string => `a=("@method");created=1;keyid="${keyid}";nonce="${nonce}"`
const signed = (n: number): string => `a=:${Buffer.from(String(n)).toString('base64')}:`

t.test('one token with another proof each time is one credential', async (t) => {
  const place = await town(t, YAML)
  for (let i = 0; i < 40; i++)
    await place.visit({ from, path: '/token', headers: { authorization: 'DPoP old', dpop: `proof-${i}` } })
  t.same(place.bans, [])
  for (let i = 0; i < 16; i++)
    await place.visit({ from, path: '/token', headers: { authorization: `DPoP t${i}`, dpop: 'p' } })
  t.match(place.bans, [{ scenario: 'credential-stuffing' }])
})

t.test('one key with another signature each time too', async (t) => {
  const place = await town(t, YAML)
  for (let i = 0; i < 40; i++)
    await place.visit({ from, path: '/signed', headers: { 'signature-input': input('k1', i), signature: signed(i) } })
  for (let i = 0; i < 40; i++) await place.visit({ from, path: '/signed', headers: { signature: signed(i) } })
  t.same(place.bans, [])
  for (let i = 0; i < 16; i++)
    await place.visit({
      from,
      path: '/signed',
      headers: { 'signature-input': input(`k${i}`, i), signature: signed(i) }
    })
  t.match(place.bans, [{ scenario: 'credential-stuffing' }])
})
