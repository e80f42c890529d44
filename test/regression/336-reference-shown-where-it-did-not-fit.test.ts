/** What a reference gave was printed where it turned out late to be of no use: a key taken for a path, a token with braces. */
import t from 'tap'
import { errorsOf } from '../control/compile/configuration.ts'

const SECRET = 'hunter{path:x}2'

t.test('a reference that can’t be used is not shown, nor a part of it', async (t) => {
  process.env['HUNTER'] = SECRET
  const reference = '"${env:HUNTER}"'
  const policies = (text: string): string =>
    `services: [ { name: s, url: "http://127.0.0.1:9", routes: [ { name: r, match: { paths: ["/a"] }, policies: { auth: public, ${text} } } ] } ]\n`
  const route = (text: string): string =>
    `services: [ { name: s, url: "http://127.0.0.1:9", policies: { auth: public }, routes: [ { name: r, match: { paths: ["/a"] }, ${text} } ] } ]\n`
  const good = policies('cors: { origins: ["https://a.example"] }')
  const places = {
    certificate: `tls: { certificates: [ { hosts: [a.example], cert: ${reference}, key: ${reference} } ] }\n${good}`,
    keys: `issuers: [ { name: i, issuer: "https://a.example", audiences: [a], jwks: ${reference} } ]\n${good}`,
    publicKey: `consumers: [ { name: c, signatures: [ { keyId: k, algorithm: ed25519, publicKey: ${reference} } ] } ]\n${good}`,
    schema: policies(`validate: { body: { schema: ${reference} } }`),
    openapi: policies(`validate: { openapi: ${reference} }`),
    header: policies(`headers: { request: { set: { x-token: ${reference} } } }`),
    rule: policies(`authorize: { when: ${reference} }`),
    tier: policies(`limits: [ { name: l, rate: 1/s, by: ip, tiers: [ { when: ${reference}, rate: none } ] } ]`),
    rewrite: route(`forward: { rewrite: "/\${env:HUNTER}" }`),
    answer: route(`respond: { status: 200, body: ${reference} }`)
  }
  for (const [place, yaml] of Object.entries(places)) {
    const errors = errorsOf(`version: 1\nlisten: [ { address: "127.0.0.1:0" } ]\n${yaml}`)
    t.not(errors.length, 0, `${place}: it is refused`)
    t.notMatch(errors.join('\n'), /hunter|path:x|\{x\}/, place)
  }
})
