/** What the stage makes of each decision; asking is `test/policy/external.test.ts` and `test/e2e/policy/external.test.ts`. */
import t from 'tap'
import type { Decision } from '../../src/policy/external.ts'
import { pipeline } from './kit.ts'

const check = (more: string): string =>
  `auth: public, external: { url: "http://127.0.0.1:9/check", copyBack: [x-tenant]${more} }`
const stages = await pipeline(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
services:
  - name: s
    url: http://127.0.0.1:9
    routes:
      - { name: closed, match: { paths: ["/closed"] }, policies: { ${check('')} } }
      - { name: open, match: { paths: ["/open"] }, policies: { ${check(', onFailure: open')} } }
      - { name: shadow, match: { paths: ["/shadow"] }, policies: { ${check(', mode: shadow')} } }
`
)

async function decided(target: string, kind: Decision['kind'], later: boolean): Promise<string> {
  const fields = kind === 'admit' ? ['x-tenant', 'theirs'] : []
  const decision: Decision = { kind, fields, reason: 'said', keep: false }
  stages.services.external.decide = () => (later ? Promise.resolve(decision) : decision)
  const { x, what } = await stages.decide({ target, headers: { 'x-tenant': 'forged' } })
  return [what, x.caller.method, x.headers.get('x-tenant') ?? 'none', ...x.shadows].join(' ')
}

for (const later of [false, true]) {
  t.test(later ? 'decided later' : 'decided at once', async (t) => {
    const expected: readonly [string, Decision['kind'], string][] = [
      ['/closed', 'admit', 'permit external theirs'],
      ['/open', 'admit', 'permit external theirs'],
      ['/shadow', 'admit', 'permit external theirs'],
      ['/closed', 'deny', 'external-denied public none'],
      ['/open', 'deny', 'external-denied public none'],
      ['/shadow', 'deny', 'permit public none external'],
      ['/open', 'unidentified', 'external-unidentified public none'],
      ['/open', 'redirect', 'external-redirect public none'],
      ['/closed', 'none', 'external-unavailable public none'],
      ['/open', 'none', 'permit public none failed-open'],
      ['/shadow', 'none', 'permit public none external']
    ]
    for (const [target, kind, outcome] of expected)
      t.equal(await decided(target, kind, later), outcome, `${target} ${kind}`)
  })
}
