/** Rules over what a body holds: judged when it is there, and no permit before. */
import t from 'tap'
import { authorize } from '../../src/pipeline/authorize.ts'
import { run } from '../../src/pipeline/index.ts'
import { Permit } from '../../src/pipeline/authorize.ts'
import { errorsOf } from '../control/compile/configuration.ts'
import { pipeline, type Pipeline } from './kit.ts'

const yaml = (
  authorize: string,
  validate = 'body: { schema: { type: object, properties: { amount: { type: number } } } }'
): string => `version: 1
listen: [ { address: "127.0.0.1:0" } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public }
    routes: [ { name: r, match: { paths: ["/*"] }, policies: { validate: { ${validate} }, authorize: ${authorize} } } ]
`
const RULE = `[ { name: here, when: 'request.host == "a.example"' }, { name: small, when: "body.amount < 100.0" } ]`

async function decide(stages: Pipeline, body: string | null, more: Record<string, string> = {}): Promise<string> {
  const bytes = Buffer.from(body ?? '')
  const headers =
    body === null ? more : { 'content-type': 'application/json', 'content-length': String(bytes.length), ...more }
  const x = stages.arrive({ method: 'POST', headers })
  x.body = { whole: () => Promise.resolve(bytes) }
  const outcome = await run(x)
  if (outcome instanceof Permit) return `permit ${x.shadows.join()}`.trim()
  return 'problem' in outcome ? `${outcome.problem.status} ${outcome.policy} ${outcome.rule}`.trim() : 'answer'
}

t.test('a rule over the body', async (t) => {
  const stages = await pipeline(t, yaml(RULE))
  t.equal(await decide(stages, '{"amount":99}'), 'permit')
  t.equal(await decide(stages, '{"amount":100}'), '403 authorize small')
  t.equal(await decide(stages, '{}'), '403 authorize small', 'a missing member refuses')
  t.equal(await decide(stages, '{"amount":"1"}'), '422 validate', 'the schema first')
  t.equal(await decide(stages, null), '422 validate')
  t.equal(await decide(stages, '{"amount":1}', { host: 'b.example' }), '403 authorize here', 'the others before')
})

t.test('authorize alone makes no permit where the body is still to be judged', async (t) => {
  const stages = await pipeline(t, yaml(RULE))
  const x = stages.arrive({ method: 'POST' })
  x.route = stages.tables.routes[0] ?? null
  x.host = 'a.example'
  t.equal(authorize(x), null)
  t.equal(x.permit, null)
})

t.test('without a body where one may be missing, the rule decides', async (t) => {
  const stages = await pipeline(t, yaml(`{ name: any, when: 'request.method == "GET" || body.amount > 0.0' }`))
  const x = stages.arrive({ method: 'GET' })
  t.ok((await run(x)) instanceof Permit)
  const strict = await pipeline(t, yaml(`{ name: any, when: 'body.amount > 0.0' }`))
  const refused = await run(strict.arrive({ method: 'GET' }))
  t.match(refused, { problem: { status: 403 }, reason: /the request has no body/ })
})

t.test('in shadow', async (t) => {
  const stages = await pipeline(t, yaml(`{ name: small, mode: shadow, when: 'body.amount < 100.0' }`))
  t.equal(await decide(stages, '{"amount":100}'), 'permit small')
})

t.test('lists and nested members, within the budget of a rule', async (t) => {
  const stages = await pipeline(
    t,
    yaml(`{ when: 'body.items.all(x, x.n < 10.0) && size(body.items) < 1000' }`, 'body: { schema: { type: object } }')
  )
  t.equal(await decide(stages, '{"items":[{"n":1},{"n":2}]}'), 'permit')
  t.equal(await decide(stages, '{"items":[{"n":1},{"n":20}]}'), '403 authorize')
  t.equal(await decide(stages, '{"items":[{"n":1},{"m":2}]}'), '403 authorize')
  t.equal(await decide(stages, '{"constructor":{},"items":5}'), '403 authorize')
})

t.test('a rule that mentions the body needs a schema that is enforced', async (t) => {
  const expected =
    /^7:\d+ services\[0\]\.routes\[0\]\.policies\.authorize\.when: at column 1 of the expression: body needs validate\.body\.schema/
  for (const validate of [
    'body: { maxSize: 1kb }',
    'mode: shadow, body: { schema: { type: object } }',
    'body: { json: { depth: 3 } }'
  ])
    t.match(errorsOf(yaml(`{ when: 'body.amount < 1.0' }`, validate)), [expected], validate)
  t.match(errorsOf(yaml(`{ when: 'body' }`)), [/a rule must be true or false/])
})
