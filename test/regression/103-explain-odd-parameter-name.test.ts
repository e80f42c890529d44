/** `explain --as` put a key into the query under its parameter's bare name; one with a space explained as 400. */
import t from 'tap'
import { explainRequest } from '../../src/pipeline/explain.ts'
import { planOf } from '../control/compile/configuration.ts'
import { sha256 } from '../e2e/tokens.ts'

t.test('a parameter whose name must be encoded', async (t) => {
  for (const name of ['the key', 'a&b', 'k=', 'ключ']) {
    const plan = planOf(`version: 1
listen: [ { address: "127.0.0.1:0" } ]
consumers: [ { name: acme, keys: [ { id: k, hash: "sha256:${sha256('x')}" } ] } ]
services:
  - { name: s, url: "http://127.0.0.1:9", policies: { auth: { key: { query: "${name}" } } }, routes: [ { name: r, match: { paths: ["/r"] } } ] }
`)
    const described = {
      method: 'GET',
      url: 'http://a/r?x=1',
      headers: [],
      body: null,
      as: 'acme',
      claims: null,
      certificate: null,
      ip: '192.0.2.1',
      time: null,
      listener: null
    }
    t.match(await explainRequest(plan, described), { status: 200, route: 's.r' }, name)
  }
})
