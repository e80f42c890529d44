/** What the stages, `explain` and policy tests say of bans and honeypots. */
import t from 'tap'
import { explainRequest } from '../../src/pipeline/explain.ts'
import { keyOf } from '../../src/policy/key.ts'
import { runPolicyTests } from '../../src/pipeline/policy-tests.ts'
import { compile, planOf } from '../control/compile/configuration.ts'
import { pipeline } from './kit.ts'

const YAML = `version: 1
listen: [ { address: "127.0.0.1:0" } ]
threats:
  bans: [ { name: fumblers, count: { status: [404] }, by: ip, rate: 2/min, ban: 10m } ]
  honeypots: ["/trap"]
services: [ { name: s, url: "http://127.0.0.1:9", policies: { auth: public }, routes: [ { name: r, match: { paths: ["/a"] } } ] } ]
tests:
  - { name: a visit, request: { url: "http://a.example/trap" }, expect: { decision: deny, status: 403, policy: honeypot, rule: honeypot } }
  - { name: a second one, request: { url: "http://a.example/trap", repeat: 2 }, expect: { decision: deny, status: 403, policy: ban, rule: honeypot } }
  - { name: three, request: { url: "http://a.example/b", repeat: 3 }, expect: { decision: deny, status: 404, policy: route } }
  - { name: four, request: { url: "http://a.example/b", repeat: 4 }, expect: { decision: deny, status: 403, policy: ban, rule: fumblers } }
  - { name: each test begins anew, request: { url: "http://a.example/a" }, expect: { decision: forward, route: s.r } }
`

t.test('policy tests', async (t) => {
  const { plan, tests } = compile(YAML)
  if (plan === null) throw new Error('no plan')
  const outcomes = await runPolicyTests(plan, tests, [])
  t.same(
    outcomes.map(({ mismatches }) => mismatches),
    [[], [], [], [], []]
  )
})

t.test('explain', async (t) => {
  const request = {
    method: 'GET',
    headers: [],
    body: null,
    as: null,
    claims: null,
    certificate: null,
    ip: '192.0.2.1',
    time: null,
    listener: null
  }
  const explained = await explainRequest(planOf(YAML), { ...request, url: 'http://a.example/trap/' })
  t.match(explained, { status: 403, decision: 'deny', route: '' })
  t.match(explained.steps.at(-1), {
    stage: 'honeypot',
    rule: 'honeypot',
    where: /^g\.yaml:5:\d+$/,
    detail: '/trap/ is a honeypot'
  })
})

t.test('honeypots: who may not be banned, and whom a page made ask, are neither refused nor counted', async (t) => {
  for (const mode of ['enforce', 'shadow'] as const) {
    const stages = await pipeline(
      t,
      YAML.replace('threats:', `threats:\n  mode: ${mode}\n  never: ["192.0.2.9"]`).replace(/tests:[^]*/, '')
    )
    const ask = async (target: string, peer: string, headers: Record<string, string> = {}): Promise<string> => {
      const { x, what } = await stages.decide({ target, peer, headers })
      return [what, ...x.shadows].join(' ')
    }
    t.equal(await ask('/trap', '192.0.2.9'), 'no-route', 'never')
    t.equal(await ask('/trap', '192.0.2.1', { 'sec-fetch-site': 'cross-site' }), 'no-route', 'an image in a page')
    t.equal(await ask('/a', '192.0.2.1'), 'permit')
    const banned = mode === 'enforce' ? 'banned' : 'no-route honeypot'
    t.equal(await ask('/trap', '192.0.2.1', { 'sec-fetch-site': 'none' }), banned, 'typed in')
    t.equal(await ask('/a', '192.0.2.1'), mode === 'enforce' ? 'banned' : 'permit honeypot')
  }
})

t.test('a reload that has bans tried only: those that were in force keep nobody out any more', async (t) => {
  for (const mode of ['enforce', 'shadow'] as const) {
    const stages = await pipeline(
      t,
      YAML.replace('threats:', `threats:\n  mode: ${mode}\n  never: ["192.0.2.9"]`)
        .replace('by: ip', 'by: "header:x-who"')
        .replace(/tests:[^]*/, '')
    )
    const { bans } = stages.services
    const { keyed, never } = stages.tables.threats
    const scenario = keyed.find(({ prefix }) => prefix.includes('x-who'))
    if (scenario === undefined) throw new Error('no key is looked up')
    const cause = {
      scenario: 'fumblers',
      where: 'g.yaml:4:11',
      reason: 'before the reload',
      times: { time: 60_000, max: 60_000, escalate: 1 },
      mode: 'enforce',
      evidence: [],
      bucket: null
    } as const
    const headers = { 'x-who': 'them' }
    const key = scenario.prefix + keyOf(scenario.key, (await stages.decide({ target: '/a', headers })).x)
    t.ok(bans.banKey(key, 'them', { ...cause, evidence: [] }, stages.now))
    t.ok(bans.banAddress(Uint8Array.of(192, 0, 2, 1), 64, { ...cause, evidence: [] }, never, stages.now))
    for (const ask of [
      { target: '/a', peer: '192.0.2.1' },
      { target: '/a', peer: '192.0.2.2', headers }
    ]) {
      const { x, what } = await stages.decide(ask)
      t.equal([what, ...x.shadows].join(' '), mode === 'enforce' ? 'banned' : 'permit fumblers', ask.peer)
    }
    t.equal((await stages.decide({ target: '/a', peer: '192.0.2.2' })).what, 'permit')
  }
})
