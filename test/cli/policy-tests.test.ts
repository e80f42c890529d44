/** `gatehouse check` and the tests of a configuration. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { folder, run } from './kit.ts'

const GOLDEN = join(import.meta.dirname, '../golden/check')
const EXAMPLE = join(import.meta.dirname, '../../config/gatehouse.yaml')

t.test('failures, as they are printed (GOLDEN=write writes them anew)', async (t) => {
  const expected = join(GOLDEN, 'failing.output')
  const { code, out, err } = await run(['check', 'failing.yaml'], { cwd: GOLDEN })
  t.equal(code, 1)
  t.equal(out, '')
  if (process.env['GOLDEN'] === 'write') writeFileSync(expected, err)
  t.equal(err, existsSync(expected) ? readFileSync(expected, 'utf8') : 'missing')
})

t.test('the same for programs', async (t) => {
  const { code, out } = await run(['check', '--json', 'failing.yaml'], { cwd: GOLDEN })
  t.equal(code, 1)
  const report = JSON.parse(out) as { tests: Record<string, unknown>[] }
  t.match(report, { ok: false, errors: 0, failures: 9 })
  t.equal(report.tests.length, 10, 'all run, whatever fails')
  t.match(
    report.tests.find(({ name }) => name === 'the rule lets everybody in'),
    {
      where: 'failing.yaml:32:9',
      verdict: 'failed',
      reason: '',
      mismatches: [{ key: 'decision', expected: 'deny with 403 by authorize own', got: 'forward' }],
      got: { decision: 'forward', route: 'orders.read' },
      decided: { where: 'failing.yaml:19:22', what: 'authorize own passed' }
    }
  )
  t.match(
    report.tests.find(({ name }) => name === 'this one passes'),
    { verdict: 'passed', mismatches: [], decided: null }
  )
})

const CONFIG = `version: 1
listen: [ { address: "127.0.0.1:0" } ]
consumers: [ { name: acme, keys: [ { id: k, hash: "sha256:${'0'.repeat(64)}" } ] } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: { key: true } }
    routes: [ { name: r, match: { paths: ["/{id}"] } } ]
`

function config(t: Test, tests: string): string {
  const cwd = folder(t)
  writeFileSync(join(cwd, 'gatehouse.yaml'), CONFIG + tests)
  return cwd
}

t.test('tests that pass are counted, in a file of their own too', async (t) => {
  const cwd = config(t, 'tests:\n  - { file: tests/*.yaml }\n')
  const { mkdirSync } = await import('node:fs')
  mkdirSync(join(cwd, 'tests'))
  const one = (name: string, rest: string): string => `- { name: ${name}, request: { url: "http://a/1"${rest} } }\n`
  writeFileSync(join(cwd, 'tests/a.yaml'), one('in', ', as: acme }, expect: { decision: forward'))
  writeFileSync(join(cwd, 'tests/b.yaml'), one('out', ' }, expect: { decision: deny, status: 401'))
  t.match(await run(['check'], { cwd }), { code: 0, out: /good: .*, 2 tests passed\n$/, err: '' })
})

t.test('without secrets: tests run, but for those that hold some', async (t) => {
  const cwd = config(
    t,
    `tests:
  - { name: in, request: { url: "http://a/1", as: acme }, expect: { decision: forward } }
  - { name: with a secret, request: { url: "http://a/1", headers: { x-api-key: "\${env:NOT_THERE}" } }, expect: { decision: forward } }
`
  )
  const { code, out } = await run(['check', '--no-secrets'], { cwd })
  t.equal(code, 0)
  t.match(out, /1 test passed, 1 test not run for want of secrets/)
})

t.test('a redirect is one, whatever port the TLS listener will have', async (t) => {
  const cwd = folder(t)
  const tls = 'tls: { certificates: [ { hosts: [a], cert: "${file:absent}", key: "${file:absent}" } ] }'
  const redirected = (address: string, location: string): string => `version: 1
listen: [ { name: tls, address: "${address}", tls: true }, { name: plain, address: "127.0.0.1:80", redirect: https } ]
${tls}
services: [ { name: s, routes: [ { name: r, match: { paths: [/] }, policies: { auth: public }, respond: { status: 204 } } ] } ]
tests:
  - { name: redirected, request: { url: "http://a/x", listener: plain }, expect: { decision: answer, status: 308, headers: { location: "${location}" } } }
`
  for (const [address, location] of [
    ['127.0.0.1:${env:PORT:-8443}', 'https://a:8443/x'],
    ['127.0.0.1:${env:PORT}', 'https://a/x'],
    ['${env:ADDRESS}', 'https://a/x']
  ] as const) {
    writeFileSync(join(cwd, 'gatehouse.yaml'), redirected(address, location))
    t.match(await run(['check', '--no-secrets'], { cwd }), { code: 0, out: /1 test passed/ }, address)
  }
})

t.test('the example passes without its secrets', async (t) => {
  const { code, out } = await run(['check', '--no-secrets', EXAMPLE], { cwd: folder(t) })
  t.equal(code, 0)
  t.match(out, /43 tests passed; secrets were not looked at/)
})

t.test('hundreds of tests cost little, each with limits of its own', async (t) => {
  const cwd = config(
    t,
    `policies: { limits: [ { name: once, rate: 1/h, by: all } ] }
tests:
${Array.from({ length: 500 }, (_, i) => `  - { name: "t${i}", request: { url: "http://a/${i}", as: acme }, expect: { decision: forward } }`).join('\n')}
`
  )
  const started = process.hrtime.bigint()
  t.match(await run(['check'], { cwd }), { code: 0, out: /500 tests passed/ })
  t.comment(`500 tests: ${Number(process.hrtime.bigint() - started) / 1e6} ms with the start of the process`)
})
