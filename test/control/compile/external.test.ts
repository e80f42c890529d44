import t from 'tap'
import { errorsOf, planOf, routeOf, routeWith, saysExactly, wideningsOf } from './configuration.ts'

const URL = 'http://10.0.0.9/check'
const withExternal = (external: string, more = ''): string => routeWith(`auth: public, external: ${external}${more}`)

t.test('defaults, and all of it', (t) => {
  t.match(routeOf(withExternal(`{ url: "${URL}" }`)).external, [
    {
      url: URL,
      path: '/check',
      headers: [],
      copyBack: [],
      cache: null,
      timeout: 1000,
      onFailure: 'closed',
      mode: 'enforce',
      level: 'route:s.r'
    }
  ])
  const all = `{ url: "${URL}", headers: [Authorization, Cookie], copyBack: [X-Tenant], cache: 10s, timeout: 200ms, onFailure: open, mode: shadow }`
  t.match(routeOf(withExternal(all)).external, [
    {
      headers: ['authorization', 'cookie'],
      copyBack: ['x-tenant'],
      cache: 10_000,
      timeout: 200,
      onFailure: 'open',
      mode: 'shadow'
    }
  ])
  t.equal(routeOf(routeWith('auth: public')).external, undefined)
  t.end()
})

t.test('levels add up, outermost first; one origin is one upstream', (t) => {
  const yaml = `version: 1
listen: [ { address: "127.0.0.1:0" } ]
policies: { external: { url: "http://10.0.0.9/a" } }
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public, external: { url: "http://10.0.0.9/b" } }
    routes:
      - { name: more, match: { paths: [/more] }, policies: { external: { url: "http://10.0.0.8:81/c" } } }
      - { name: less, match: { paths: [/less] }, policies: { external: none } }
`
  const { routes, upstreams } = planOf(yaml)
  t.same(
    routes.map((route) => (route.external ?? []).map(({ url }) => url)),
    [['http://10.0.0.9/a', 'http://10.0.0.9/b', 'http://10.0.0.8:81/c'], []]
  )
  t.same(
    upstreams.map(({ name }) => name),
    ['service:s', 'external:http://10.0.0.9:80', 'external:http://10.0.0.8:81']
  )
  saysExactly(t, wideningsOf(yaml), [/external: external: none drops what farther levels say/])
  t.end()
})

t.test('bad versions', (t) => {
  for (const [external, ...complaints] of [
    ['{ headers: [authorization] }', /external: "url" is missing/],
    ['{ url: "ftp://x/y" }', /external\.url/],
    ['{ url: "http://u:p@10.0.0.9/" }', /external\.url.*without user and password/],
    ['{ url: "http://10.0.0.9/?x=1" }', /external\.url.*without query/],
    [`{ url: "${URL}", headers: [] }`, /external\.headers.*empty list/],
    [`{ url: "${URL}", headers: [X-Request-Id] }`, /headers\[0\]: x-request-id is the gateway’s own to tell/],
    [`{ url: "${URL}", headers: [x-forwarded-uri] }`, /the gateway’s own/],
    [`{ url: "${URL}", copyBack: [x-consumer] }`, /copyBack\[0\]: x-consumer is the gateway’s own/],
    [`{ url: "${URL}", copyBack: [host] }`, /copyBack\[0\]/],
    [`{ url: "${URL}", copyBack: [transfer-encoding] }`, /copyBack\[0\]/],
    [`{ url: "${URL}", timeout: 61s }`, /timeout: at most 1m/],
    [`{ url: "${URL}", timeout: 0s }`, /timeout/],
    [`{ url: "${URL}", timeout: 60s }`],
    [`{ url: "${URL}", cache: 61m }`, /cache: at most 1h/],
    [`{ url: "${URL}", cache: 60m }`],
    [`{ url: "${URL}", onFailure: ajar }`, /onFailure/],
    [`{ url: "${URL}", mode: off }`, /mode/],
    [`{ url: "${URL}", copyback: [x-a] }`, /copyback.*did you mean "copyBack"/]
  ] as const)
    saysExactly(t, errorsOf(withExternal(external)), complaints, external)
  t.end()
})

t.test('what stands where auth reads a credential would be removed again', (t) => {
  const auth = (more: string): string =>
    routeWith(`auth: { key: { header: x-api-key } }, external: { url: "${URL}", copyBack: [X-Api-Key] }${more}`)
  saysExactly(t, errorsOf(auth('')), [/copyBack\[0\]: x-api-key is where auth reads a credential/])
  t.same(errorsOf(auth(', identity: { credentials: forward }')), [])
  t.same(errorsOf(withExternal(`{ url: "${URL}", copyBack: [authorization] }`)), [], 'a public route reads none')
  t.end()
})
