import t from 'tap'
import { overLimit } from '../../src/pipeline/over-limit.ts'
import { pipeline } from './kit.ts'

const SECOND = 1e9

void t.test('a wait that comes again is told by one refusal, and each as it is', async (t) => {
  const { tables } = await pipeline(
    t,
    `version: 1
listen: [ { address: "127.0.0.1:0" } ]
services:
  - name: s
    url: http://127.0.0.1:1
    policies: { auth: public, limits: [ { name: few, rate: 3/h, by: ip } ] }
    routes: [ { name: r, match: { paths: ["/"] } } ]
`
  )
  const limit = tables.routes[0]?.early[0]?.limit
  if (limit === undefined) throw new Error('no limit')
  const waits = (seconds: number): readonly string[] => overLimit(limit, false, seconds * SECOND).headers
  for (const seconds of [1, 65, 129, 1200, 86_400]) {
    t.same(waits(seconds), ['retry-after', String(seconds)])
    const again = overLimit(limit, false, seconds * SECOND)
    t.same(again.headers, ['retry-after', String(seconds)])
    t.equal(overLimit(limit, false, seconds * SECOND), again, 'the same object from the second time on')
    t.ok(Object.isFrozen(again.headers), 'so that what is made of its headers is kept')
  }
  // Two that have one place by turns: neither gets the other's, and neither fills the memory of what comes again.
  for (let i = 0; i < 20; i++) {
    for (const seconds of [3, 67]) {
      const { headers } = overLimit(limit, false, seconds * SECOND)
      t.same(headers, ['retry-after', String(seconds)])
      t.notOk(Object.isFrozen(headers))
    }
  }
  const full = overLimit(limit, true, 3 * SECOND)
  t.match(full.reason, /no room/)
  t.not(overLimit(limit, true, 3 * SECOND), full)
})
