import t from 'tap'
import { errorsOf, planOf, routeOf, routeWith, saysExactly } from './configuration.ts'

const withToken = (token: string, more = ''): string => routeWith(`auth: public, identity: { token: ${token} }${more}`)

t.test('the audience is the service, and what a level says is nearer key by key', (t) => {
  t.same(routeOf(withToken('{ ttl: 60s }')).identity, {
    headers: true,
    credentials: 'strip',
    token: { audience: 's', ttl: 60_000, algorithm: 'EdDSA', attributes: [], bind: false }
  })
  const yaml = `version: 1
listen: [ { address: "127.0.0.1:0" } ]
policies: { identity: { token: { ttl: 30s, attributes: [tenant] } } }
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public, identity: { headers: false } }
    routes:
      - { name: nearer, match: { paths: [/a] }, policies: { identity: { token: { audience: x, algorithm: ES256, bind: true } } } }
      - { name: none, match: { paths: [/b] }, policies: { identity: none } }
`.replace('name: none', 'name: dropped')
  const [nearer, dropped] = planOf(yaml).routes
  t.same(nearer?.identity, {
    headers: false,
    credentials: 'strip',
    token: { audience: 'x', ttl: 30_000, algorithm: 'ES256', attributes: ['tenant'], bind: true }
  })
  t.same(dropped?.identity, { headers: true, credentials: 'strip' })
  t.end()
})

t.test('bad versions', (t) => {
  for (const [yaml, ...complaints] of [
    [withToken('{ ttl: 5s }')],
    [withToken('{ ttl: 1h }')],
    [withToken('{ ttl: 4s }'), /token\.ttl: a token holds 5s to 1h/],
    [withToken('{ ttl: 3601s }'), /token\.ttl: a token holds/],
    [withToken('{ ttl: 5500ms }'), /whole seconds/],
    [withToken('{}'), /identity\.token/],
    [withToken('{ algorithm: RS256 }'), /algorithm/],
    [withToken('{ audience: 7 }'), /audience.*quote it/],
    [withToken('{ attributes: [] }'), /attributes.*empty list/],
    [withToken('{ ttl: 60s, bound: true }'), /bound/],
    [withToken('{ ttl: 60s }', ', headers: { request: { set: { authorization: x } } }'), /written by identity\.token/],
    [
      withToken('{ ttl: 60s }', ', headers: { request: { rename: { x-a: authorization } } }'),
      /written by identity\.token/
    ],
    [
      withToken('{ ttl: 60s }', ', external: { url: "http://10.0.0.9/", copyBack: [Authorization] }'),
      /identity\.token writes/
    ]
  ] as const)
    saysExactly(t, errorsOf(yaml), complaints, yaml.split('policies: ')[1])
  const issuer =
    'issuers: [ { name: corp, issuer: "https://idp.example", audiences: [a], jwks: "https://idp.example/k" } ]\n'
  const forwarded = 'auth: { jwt: { issuers: [corp] } }, identity: { credentials: forward, token: { ttl: 60s } }'
  saysExactly(t, errorsOf(routeWith(forwarded, issuer)), [/takes the place of Authorization/])
  t.end()
})
