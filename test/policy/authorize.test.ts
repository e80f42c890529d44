import t from 'tap'
import type { RulePlan } from '../../src/plan/rule.ts'
import { judge, prepareRule, RuleCache } from '../../src/policy/authorize.ts'
import { requestView } from './view.ts'

const NOWHERE = { header: [], cookie: [], query: [] }

function plan(parts: Partial<RulePlan>): RulePlan {
  return {
    name: null,
    groups: null,
    scopes: null,
    when: null,
    pathNames: ['id'],
    reason: null,
    mode: 'enforce',
    level: 'gateway',
    where: 'gatehouse.yaml:1:1',
    ...parts
  }
}

const prepare = (parts: Partial<RulePlan>) => prepareRule(plan(parts), NOWHERE, new RuleCache())

class Memo {
  readonly results = new Map<object, unknown>()
  get(rule: object): unknown {
    return this.results.get(rule)
  }
  set(rule: object, result: unknown): void {
    this.results.set(rule, result)
  }
}

t.test('any of the groups, all of the scopes, and the expression', async (t) => {
  const rule = prepare({ groups: ['staff', 'admin'], scopes: ['a', 'b'], when: 'claims.x == path.id' })
  const caller = { groups: ['admin'], scopes: ['b', 'a', 'c'], claims: { x: '7' } }
  const pathParams = { id: '7' }
  t.equal(judge(rule, requestView({ caller, pathParams }), 0, null), null)
  t.equal(
    judge(rule, requestView({ caller: { ...caller, groups: ['other'] }, pathParams }), 0, null),
    'caller has none of the groups staff, admin'
  )
  t.equal(judge(rule, requestView({ caller: { ...caller, scopes: ['a'] }, pathParams }), 0, null), 'missing scope b')
  t.equal(judge(rule, requestView({ caller, pathParams: { id: '8' } }), 0, null), 'when is false: claims.x == path.id')
  t.equal(
    judge(rule, requestView({ caller: { ...caller, claims: {} }, pathParams }), 0, null),
    'when failed: there is no x: claims.x == path.id'
  )
})

t.test('an empty list of the caller satisfies nothing', async (t) => {
  t.match(judge(prepare({ groups: ['staff'] }), requestView(), 0, null), /none of the groups/)
  t.match(judge(prepare({ scopes: ['a'] }), requestView(), 0, null), /missing scope a/)
  t.equal(judge(prepare({}), requestView(), 0, null), null, 'a rule that asks nothing holds')
})

t.test('a rule about the caller alone is evaluated once per credential', async (t) => {
  const rule = prepare({ when: 'claims.x == "1"' })
  const memo = new Memo()
  t.equal(judge(rule, requestView({ caller: { claims: { x: '1' } } }), 0, memo), null)
  t.equal(judge(rule, requestView({ caller: { claims: {} } }), 0, memo), null, 'the kept result')
  const refused = new Memo()
  t.match(judge(rule, requestView(), 0, refused), /when failed/)
  t.match(
    judge(rule, requestView({ caller: { claims: { x: '1' } } }), 0, refused),
    /when failed/,
    'refusals are kept too'
  )
  t.match(
    judge(prepare({ when: 'claims.x == "1"' }), requestView(), 0, memo),
    /when failed/,
    'a new rule has no old result'
  )
})

t.test('a rule about the request is evaluated every time', async (t) => {
  const rule = prepare({ when: 'path.id == "7"' })
  const memo = new Memo()
  t.equal(judge(rule, requestView({ pathParams: { id: '7' } }), 0, memo), null)
  t.match(judge(rule, requestView({ pathParams: { id: '8' } }), 0, memo), /when is false/)
  t.equal(memo.results.size, 0)
})

t.test('one expression is compiled once for all routes with the same names', async (t) => {
  const cache = new RuleCache()
  const first = prepareRule(plan({ when: 'claims.x == "1"' }), NOWHERE, cache)
  const second = prepareRule(plan({ when: 'claims.x == "1"' }), NOWHERE, cache)
  const other = prepareRule(plan({ when: 'claims.x == "1"' }), { ...NOWHERE, header: ['x-api-key'] }, cache)
  t.equal(first.when, second.when)
  t.not(first.when, other.when, 'hidden credentials make another')
  t.throws(() => prepareRule(plan({ when: 'path.nope == "1"' }), NOWHERE, cache), /no {nope}/)
})
