import t from 'tap'
import { errorsOf, planOf, routeOf, routeWith, saysExactly, warningsOf, wideningsOf } from './configuration.ts'

const ISSUER = `issuers: [ { name: corp, issuer: "https://idp.example", jwks: "https://idp.example/k", audiences: [a] } ]
consumers: [ { name: guest } ]
`

t.test('no route is open by omission', async (t) => {
  const yaml = routeWith('timeouts: { idle: 1s }')
  saysExactly(t, errorsOf(yaml), [
    /^7:9 services\[0\]\.routes\[0\]: route s\.r doesn't say how its callers identify themselves: .*service.*gateway.*auth: public/
  ])
})

t.test('any level may say it, the nearest alone holds', async (t) => {
  const inner = routeWith('auth: { key: true }')
  t.strictSame(routeOf(`${inner}policies: { auth: { jwt: { issuers: [corp] } } }\n${ISSUER}`).auth.jwt, null)
  const outer = `${routeWith('timeouts: { idle: 1s }')}policies: { auth: { jwt: { issuers: [corp] } } }\n${ISSUER}`
  t.strictSame(routeOf(outer).auth.jwt?.header, ['authorization'])
  t.equal(routeOf(routeWith('auth: public')).auth.public, true)
})

t.test('public at the gateway opens everything, and is refused', async (t) => {
  saysExactly(t, errorsOf(`${routeWith('auth: { key: true }')}policies: { auth: public }\n`), [/ policies\.auth: /])
})

t.test('what doesn’t exist is named, with what was meant', async (t) => {
  saysExactly(t, errorsOf(routeWith('auth: { jwt: { issuers: [crop] } }', ISSUER)), [/issuers\[0\]: .*"crop".*"corp"/])
  saysExactly(t, errorsOf(routeWith('auth: { key: true, anonymous: gest }', ISSUER)), [/anonymous: .*"guest"/])
})

t.test('naming any place replaces the default one', async (t) => {
  const { auth } = routeOf(
    routeWith('auth: { jwt: { issuers: [corp], cookie: Session }, key: { header: [X-Key, x-other] } }', ISSUER)
  )
  t.match(auth.jwt, { header: [], cookie: ['Session'], query: [] })
  t.strictSame(auth.key, { header: ['x-key', 'x-other'], cookie: [], query: [] })
})

t.test('credentials in a query are warned of', async (t) => {
  saysExactly(t, warningsOf(routeWith('auth: { jwt: { issuers: [corp], query: t }, key: { query: [k] } }', ISSUER)), [
    /auth\.jwt\.query: /,
    /auth\.key\.query: /
  ])
})

t.test('a token and a key can’t be read from one place', async (t) => {
  saysExactly(t, errorsOf(routeWith('auth: { jwt: { issuers: [corp] }, key: { header: Authorization } }', ISSUER)), [
    /auth\.key: .*the header authorization/
  ])
})

t.test('an audience is required of tokens that consumers sign, too', async (t) => {
  saysExactly(t, errorsOf(routeWith('auth: { jwt: { consumers: true } }')), [/jwt\.consumers: an audience is required/])
  t.strictSame(errorsOf(routeWith('auth: { jwt: { consumers: true, audiences: any } }')), [])
  saysExactly(t, errorsOf(routeWith('auth: { jwt: { consumers: false } }')), [/auth\.jwt\.consumers: /])
})

t.test('public where a farther level guards is listed, and public where none does is not', async (t) => {
  const yaml = (gateway: string, service: string, route: string): string => `version: 1
listen: [ { address: "127.0.0.1:0" } ]
policies: { ${gateway} }
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { timeouts: { idle: 1s }${service} }
    routes: [ { name: r, match: { paths: [/x] }, policies: { timeouts: { idle: 1s }${route} } } ]
`
  const key = 'auth: { key: true }'
  const idle = 'timeouts: { idle: 1s }'
  saysExactly(t, wideningsOf(yaml(key, '', ', auth: public')), [
    /^services\[0\]\.routes\[0\]\.policies\.auth: auth: public opens what a farther level guards: gateway$/
  ])
  saysExactly(t, wideningsOf(yaml(key, `, auth: public`, ', auth: public')), [/^services\[0\]\.policies\.auth: /])
  saysExactly(t, wideningsOf(yaml(key, `, ${key}`, ', auth: public')), [/guards: service:s$/])
  t.strictSame(wideningsOf(yaml(idle, `, auth: public`, '')), [])
  t.strictSame(wideningsOf(yaml(idle, `, auth: public`, `, ${key}`)), [])
})

t.test('what is switched off is listed', async (t) => {
  saysExactly(
    t,
    wideningsOf(
      routeWith(
        'auth: { mode: shadow, jwt: { issuers: [corp], audiences: any, expiry: optional } }',
        ISSUER.replace('[a]', 'any')
      )
    ),
    [/^issuers\[0\]\.audiences: /, /auth\.jwt\.audiences: /, /auth\.jwt\.expiry: /, /auth: .* open: s\.r$/]
  )
})

t.test('headers that carry credentials stay out of logs', async (t) => {
  const { redact } = planOf(routeWith('auth: { key: { header: X-My-Key } }', 'log: { redact: [X-Private] }'))
  for (const name of ['authorization', 'cookie', 'x-my-key', 'x-private']) t.ok(redact.includes(name), name)
})
