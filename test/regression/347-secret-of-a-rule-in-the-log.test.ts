/** A rule that compares with a secret, `when: '… == "${env:X}"'`, had the secret in the reason of each of its refusals. */
import t from 'tap'
import { pipeline } from '../pipeline/kit.ts'

t.test('an expression with a reference in it is in no reason', async (t) => {
  process.env['HUNTER'] = 'hunter2'
  const stages = await pipeline(
    t,
    `version: 1
listen: [ { address: "127.0.0.1:0" } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public }
    routes:
      - { name: told, match: { paths: [/told] }, policies: { authorize: { when: 'request.headers["x-a"] == "1"' } } }
      - { name: kept, match: { paths: [/kept] }, policies: { authorize: { name: shared, when: 'request.headers["x-a"] == "\${env:HUNTER}"' } } }
`
  )
  const reasonOf = async (target: string, headers: Record<string, string>): Promise<string> => {
    const { x, outcome } = await stages.decide({ target, headers })
    return 'reason' in outcome ? outcome.reason : `${x.path} passed`
  }
  t.equal(await reasonOf('/kept', { 'x-a': 'hunter2' }), '/kept passed')
  t.equal(await reasonOf('/kept', { 'x-a': '1' }), 'when is false: (secret)')
  t.match(await reasonOf('/kept', {}), /^when failed: .*: \(secret\)$/)
  t.equal(await reasonOf('/told', { 'x-a': '2' }), 'when is false: request.headers["x-a"] == "1"')
})
