import t from 'tap'
import { compilePlan, type EffectiveLine } from '../../../src/control/compile/index.ts'
import { compile, folderOf, load } from './configuration.ts'

const YAML = `version: 1
listen: [ { address: "127.0.0.1:0" } ]
policies:
  ip: { deny: [10.0.0.1] }
  auth: { key: true }
  limits: [ { name: flood, rate: 100/s, by: ip } ]
  timeouts: { request: 1s, idle: 2s }
  headers: { request: { set: { x-secret: "\${env:TOKEN}" } } }
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { ip: none, timeouts: { idle: 3s } }
    routes:
      - { name: r, match: { paths: [/a] }, policies: { limits: [ { name: flood, rate: 1/s, by: [ip, route] } ], validate: { body: { maxSize: 1kb, contentTypes: [a/b] } } } }
`

function text({ policy, key, value, level, where }: EffectiveLine): string {
  return `${policy}${key === '' ? '' : `.${key}`} = ${value} (${level}, ${where})`
}

t.test('shows what holds for a route, each line with its origin', async (t) => {
  const loaded = load(YAML, folderOf(), { env: { TOKEN: 'do-not-show' } })
  const compiled = compilePlan(loaded, { generation: 1, stateDir: '/state', writeFiles: false })
  t.strictSame(compiled.linesOf(0).map(text), [
    'ip = { deny: [10.0.0.1] } (gateway, g.yaml:4:7)',
    'limits.flood = { name: flood, rate: 1/s, by: [ip, route] } (route:s.r, g.yaml:14:66)',
    'auth = { key: true } (gateway, g.yaml:5:9)',
    'validate.body.maxSize = 1kb (route:s.r, g.yaml:14:142)',
    'validate.body.contentTypes = [a/b] (route:s.r, g.yaml:14:161)',
    'headers.request.set.x-secret = (secret) (gateway, g.yaml:8:42)',
    'timeouts.request = 1s (gateway, g.yaml:7:24)',
    'timeouts.idle = 3s (service:s, g.yaml:12:45)'
  ])
})

t.test('shows settings as the plan has them: removals add up, shadow stands beside what is enforced', async (t) => {
  const yaml = `version: 1
listen: [ { address: "127.0.0.1:0" } ]
policies: { auth: { key: true }, validate: { body: { maxSize: 1mb } }, headers: { request: { remove: [X-A], set: { X-B: far, X-C: far } }, response: { remove: [server], set: { x-kept: far } } } }
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { validate: { mode: shadow, body: { maxSize: 1kb, contentTypes: [a/b] } }, headers: { request: { remove: [x-c], set: { x-b: near } }, response: { remove: [] } } }
    routes:
      - { name: r, match: { paths: [/a] }, policies: { validate: { body: { contentTypes: [c/d] } } } }
`
  const lines = compile(yaml)
    .linesOf(0)
    .map(({ policy, key, value, level }) => `${policy}.${key} = ${value} (${level})`)
  t.strictSame(lines.slice(1), [
    'validate.body.maxSize = 1mb (gateway)',
    'validate.body.maxSize (shadow) = 1kb (service:s)',
    'validate.body.contentTypes = [c/d] (route:s.r)',
    'headers.request.remove.x-a = X-A (gateway)',
    'headers.request.set.x-b = near (service:s)',
    'headers.response.set.x-kept = far (gateway)',
    'headers.request.remove.x-c = x-c (service:s)'
  ])
})

t.test('there is nothing to show of a route that doesn’t exist', async (t) => {
  t.strictSame(compile(YAML.replace('${env:TOKEN}', 'x')).linesOf(1), [])
})
