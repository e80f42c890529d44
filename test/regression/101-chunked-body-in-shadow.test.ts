/** A chunked body larger than a `validate` in shadow mode allows was let through, but never said so. */
import t from 'tap'
import { judgeReceived } from '../../src/pipeline/validate.ts'
import { pipeline } from '../pipeline/kit.ts'

const stages = await pipeline(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public }
    routes:
      - { name: r, match: { paths: ["/tried"] }, policies: { validate: { body: { maxSize: 1kb, contentTypes: [application/json] }, mode: shadow } } }
      - { name: e, match: { paths: ["/enforced"] }, policies: { validate: { body: { maxSize: 1kb } } } }
`
)
const chunked = (type: string): Record<string, string> => ({ 'transfer-encoding': 'chunked', 'content-type': type })
const shadowsOf = async (
  target: string,
  headers: Record<string, string>,
  bytes: number
): Promise<readonly string[]> => {
  const { x } = await stages.decide({ method: 'POST', target, headers })
  judgeReceived(x, bytes)
  return x.shadows
}

t.test('what came in chunks is judged at the end', async (t) => {
  t.strictSame(await shadowsOf('/tried', chunked('application/json'), 1024), [])
  t.strictSame(await shadowsOf('/tried', chunked('application/json'), 1025), ['validate'])
  t.strictSame(await shadowsOf('/tried', chunked('text/plain'), 1025), ['validate'], 'and named once')
})

t.test('a declared size was judged by the head, an enforced one is cut off as it comes', async (t) => {
  const declared = { 'content-length': '1025', 'content-type': 'application/json' }
  t.strictSame(await shadowsOf('/tried', declared, 1025), ['validate'])
  t.strictSame(await shadowsOf('/enforced', chunked('text/plain'), 5000), [])
})
