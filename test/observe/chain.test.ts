import t from 'tap'
import { chainOf, MET_STAGES, type ChainRecord } from '../../src/observe/chain.ts'
import { STAGES } from '../../src/pipeline/index.ts'
import { planOf } from '../control/compile/configuration.ts'

const plan = planOf(`version: 1
listen: [ { address: "127.0.0.1:0" } ]
threats: { bans: none }
services:
  - name: s
    url: http://127.0.0.1:9
    policies:
      auth: { key: true }
      limits: [ { name: plan, rate: 1/s, by: caller } ]
      validate: { body: { schema: { type: object } } }
      authorize: [ { name: first, scopes: [a] }, { name: body, when: 'body.x == 1' }, { scopes: [b], mode: shadow } ]
    routes:
      - { name: r, match: { paths: [/] }, policies: { cors: { origins: ["https://a.example"], methods: [GET] } } }
`)
const [route = null] = plan.routes
const [listener = null] = plan.listeners

function chain(more: Partial<ChainRecord>, of = route): string[] {
  const record: ChainRecord = {
    decision: 'deny',
    method: 'POST',
    status: 403,
    route: of === null ? '' : 's.r',
    policy: '',
    rule: '',
    where: '',
    reason: 'why',
    shadow: '',
    authMethod: 'key',
    consumer: 'acme',
    subject: '',
    target: '',
    ...more
  }
  return chainOf(record, { listener, gatewayIp: plan.gatewayIp, threats: plan.threats, route: of }).map(
    ({ policy, rule, verdict }) => `${policy} ${rule} ${verdict}`.replaceAll('  ', ' ')
  )
}

const BEFORE = [
  'framing pass',
  'client pass',
  'ban pass',
  'route s.r pass',
  'cors pass',
  'auth pass',
  'revocation pass'
]

t.test('its stages are the pipeline’s, in the pipeline’s order', async (t) => {
  t.strictSame(
    MET_STAGES.map(({ name }) => name),
    [...STAGES.map(({ name }) => name), 'upstream', 'timeouts']
  )
})

t.test('addresses of a consumer are asked about behind auth, before the rules', async (t) => {
  t.strictSame(chain({ policy: 'ip', rule: 'consumer', where: 'gatehouse.yaml:9:5' }), [
    ...BEFORE,
    'ip consumer deny',
    'authorize first not reached',
    'authorize not reached',
    'limits plan not reached',
    'validate not reached',
    'authorize body not reached',
    'upstream not reached'
  ])
})

t.test('a signed body stands between the caller’s limits and the schema, where signatures are taken', async (t) => {
  if (route === null) throw new Error('there is a route')
  const signed = { ...route, auth: { ...route.auth, signature: true } }
  const links = chain({ policy: 'auth', rule: 'content-digest', where: route.auth.where, shadow: '' }, signed)
  t.strictSame(links.slice(BEFORE.length), [
    'authorize first pass',
    'authorize pass',
    'limits plan pass',
    'auth content-digest deny',
    'validate not reached',
    'authorize body not reached',
    'upstream not reached'
  ])
  t.equal(chain({ policy: 'auth', status: 401 }, signed)[5], 'auth deny', 'the signature itself stays where auth is')
})

t.test('rules over the body come after validation', async (t) => {
  const where = route?.authorize.find(({ name }) => name === 'body')?.where ?? ''
  t.strictSame(chain({ policy: 'authorize', rule: 'body', where, shadow: 'authorize' }), [
    ...BEFORE,
    'authorize first pass',
    'authorize would deny',
    'limits plan pass',
    'validate pass',
    'authorize body deny',
    'upstream not reached'
  ])
})

t.test('a line within the policy’s own, such as a schema’s', async (t) => {
  t.strictSame(chain({ policy: 'validate', where: 'schema.json:3:4' }).slice(BEFORE.length), [
    'authorize first pass',
    'authorize pass',
    'limits plan pass',
    'validate deny',
    'authorize body not reached',
    'upstream not reached'
  ])
})

t.test('who has no place of its own is put where it belongs', async (t) => {
  t.equal(chain({ decision: 'error', policy: 'timeouts' }).at(-1), 'timeouts fail')
  t.strictSame(chain({ policy: 'ban', rule: 'scanner', where: 'g.yaml:1:1' }, null), [
    'framing pass',
    'client pass',
    'ban scanner deny',
    'route not reached'
  ])
})

t.test('where the record does not say how far it came, nothing is made up', async (t) => {
  for (const record of [
    { policy: 'internal' },
    { decision: 'abort', policy: 'client' },
    { decision: 'error' }
  ] as const) {
    t.ok(
      chain(record).every((link) => link.endsWith(' unknown')),
      JSON.stringify(record)
    )
  }
  t.ok(
    chain({ decision: 'abort', policy: 'client', target: '10.0.0.1:80' })
      .slice(0, -1)
      .every((link) => link.endsWith(' pass')),
    'an upstream was asked, so all had passed'
  )
})

t.test('a preflight is answered before auth', async (t) => {
  t.strictSame(chain({ decision: 'answer', method: 'OPTIONS', status: 204 }).slice(4, 6), [
    'cors answer',
    'auth not reached'
  ])
})
