/**
 * Who waited in the queue of a limit for longer than a request may was told to come back after a second, whatever the
 * route's other limits said, and was refused again by one of those.
 */
import t from 'tap'
import { runPolicyTests } from '../../src/pipeline/policy-tests.ts'
import { compile } from '../control/compile/configuration.ts'

/** In the configuration's tests nobody before ends, so whoever stands in a queue is refused as when its time is over. */
t.test('a 429 after waiting tells the longest wait, and of the limit it waited for', async (t) => {
  const { plan, tests, findings } = compile(`version: 1
listen: [ { address: "127.0.0.1:0" } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public }
    routes:
      - { name: before, match: { paths: [/before] }, policies: { limits: [ { name: few, rate: 2/min, by: ip }, { name: line, concurrent: 1, queue: 1, by: ip } ] } }
      - { name: alone, match: { paths: [/alone] }, policies: { limits: [ { name: line, concurrent: 1, queue: 1, by: ip } ] } }
tests:
  - { name: before, request: { url: "http://a/before", repeat: 2 }, expect: { decision: deny, status: 429, rule: line, headers: { retry-after: "30", ratelimit: '"few";r=0;t=30, "line";r=0', ratelimit-policy: '"few";q=2;w=60, "line";q=1;qu="concurrent-requests"' } } }
  - { name: alone, request: { url: "http://a/alone", repeat: 2 }, expect: { decision: deny, status: 429, headers: { retry-after: "1", ratelimit: '"line";r=0' } } }
`)
  if (plan === null) throw new Error(findings.map(({ where, message }) => `${where} ${message}`).join('\n'))
  const outcomes = await runPolicyTests(plan, tests, [])
  t.strictSame(
    outcomes.map(({ test, verdict, mismatches }) => [test.name, verdict, mismatches]),
    [
      ['before', 'passed', []],
      ['alone', 'passed', []]
    ]
  )
})
