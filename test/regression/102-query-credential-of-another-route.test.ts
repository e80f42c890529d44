/** An API key sent in the query of a path whose route reads none there, or of no route, stood in the access line. */
import t from 'tap'
import { emptyRecord } from '../../src/observe/record.ts'
import { accessRecord } from '../../src/pipeline/access.ts'
import { pipeline } from '../pipeline/kit.ts'

t.test('the parameters of every route are hidden on all of them', async (t) => {
  const stages = await pipeline(
    t,
    `version: 1
listen: [ { address: "127.0.0.1:0" } ]
services:
  - name: s
    url: http://127.0.0.1:9
    routes:
      - { name: keyed, match: { methods: [GET], paths: ["/keyed"] }, policies: { auth: { key: { query: app_id } } } }
      - { name: open, match: { paths: ["/open"] }, policies: { auth: public } }
`
  )
  for (const [method, target] of [
    ['GET', '/keyed'],
    ['DELETE', '/keyed'],
    ['GET', '/open'],
    ['GET', '/keyd'],
    ['GET', '/keyed%2f']
  ] as const) {
    const { x } = await stages.decide({ method, target: `${target}?app_id=secret` })
    const record = emptyRecord()
    accessRecord(x, record)
    t.equal(record.query, 'app_id=***', `${method} ${target}`)
  }
})
