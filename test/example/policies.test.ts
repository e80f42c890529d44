/**
 * The example's tests guard its policies: each policy, broken by itself, makes `gatehouse check` fail and name the
 * policy's line. Time-outs, the security headers and what is taken from answers can't be tried without an upstream.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { readPlan } from '../../src/cli/plan-file.ts'
import { runTests } from '../../src/cli/policy-tests.ts'
import { prepareExample } from '../../src/example/material.ts'
import { run } from '../cli/kit.ts'

// Some thirty configurations are read: 4 s alone, much longer beside others.
t.setTimeout(180_000)

const CONFIG = join(import.meta.dirname, '../../config')
const home = mkdtempSync(join(tmpdir(), 'gh-'))
t.teardown(() => rmSync(home, { recursive: true, force: true }))
cpSync(CONFIG, join(home, 'config'), { recursive: true })
await prepareExample(join(home, 'var/example'))

interface Break {
  policy: string
  file?: string
  from: string
  to: string
  /** Text of the line that is to be named, where it isn't the broken one: a rule stands where it begins, a route that lost its policy at its own line. */
  line?: string
}

const BREAKS: Break[] = [
  { policy: 'limits flood', from: 'rate: 200/s, by: ip', to: 'rate: 300/s, by: ip' },
  { policy: 'validate of the gateway', from: 'body: { maxSize: 1mb }', to: 'body: { maxSize: 2mb }' },
  { policy: 'auth of partners, closed to keys', from: 'key: { header: x-api-key } }', to: 'require: any }' },
  { policy: 'auth of partners, closed to tokens', from: 'jwt: { issuers: [demo] }, key', to: 'key' },
  {
    policy: 'auth of partners, in shadow',
    from: '{ jwt: { issuers: [demo] }',
    to: '{ mode: shadow, jwt: { issuers: [demo] }'
  },
  {
    policy: 'auth of partners, audiences',
    from: 'jwt: { issuers: [demo] }',
    to: 'jwt: { issuers: [demo], audiences: any }'
  },
  { policy: 'limits partner', from: 'rate: 600/min, burst: 60', to: 'rate: 600/min, burst: 600' },
  {
    policy: 'authorize own-tenant',
    from: '&& caller.attributes.tenant == path.tenant',
    to: '',
    line: '- name: own-tenant'
  },
  {
    policy: 'authorize own-tenant, closed',
    from: "when: 'has(caller.attributes.tenant) &&",
    to: "when: 'false &&",
    line: '- name: own-tenant'
  },
  { policy: 'cors, open', from: '"https://app.example.com", ', to: '' },
  { policy: 'authorize read', from: 'scopes: ["orders:read"] }', to: 'scopes: ["openid"] }' },
  {
    policy: 'authorize read, gone',
    from: 'authorize: { scopes: ["orders:read"] }',
    to: 'timeouts: { idle: 1m }',
    line: '- name: own-tenant'
  },
  { policy: 'authorize create', from: 'scopes: ["orders:write"]', to: 'scopes: ["orders:read"]' },
  { policy: 'validate create, size', from: 'maxSize: 16kb', to: 'maxSize: 32kb' },
  { policy: 'validate create, type', from: ', contentTypes: [application/json]', to: '' },
  { policy: 'limits orders-under-way', from: 'concurrent: 10', to: 'concurrent: 20' },
  { policy: 'respond of old', from: 'location: "/orders/{tenant}/{*}"', to: 'location: "/{*}"', line: '- name: old' },
  { policy: 'auth of old', from: 'auth: public, authorize: none', to: 'authorize: none', line: 'auth: { jwt' },
  { policy: 'validate of files', from: 'maxSize: 1gb', to: 'maxSize: 2gb' },
  { policy: 'authorize staff', from: 'groups: [staff]', to: 'groups: [staff, partners]' },
  { policy: 'authorize staff, in shadow', from: 'reason: staff only', to: 'mode: shadow' },
  { policy: 'headers of echo', from: 'x-example: "hello"', to: 'x-example: "bye"' },
  { policy: 'limits five', from: 'rate: 5/min, burst: 5', to: 'rate: 5/min, burst: 6' },
  { policy: 'auth of guests', from: 'key: true, anonymous: guest', to: 'key: true' },
  { policy: 'auth of guests, open', from: '{ key: true, anonymous: guest }', to: 'public' },
  { policy: 'authorize no-more-guests, enforced', from: ', mode: shadow }', to: ' }' },
  { policy: 'authorize no-more-guests, let go', from: 'consumer.name != "guest"', to: 'true' },
  {
    policy: 'the consumer’s scopes',
    file: 'consumers.yaml',
    from: 'scopes: ["orders:read"] }',
    to: 'scopes: [other] }',
    line: 'authorize: { scopes: ["orders:read"] }'
  }
]

t.test('as it stands, all pass, and every route is met', async (t) => {
  const { code, out, err } = await run(['check', '--json', 'config/gatehouse.yaml'], { cwd: home })
  t.equal(code, 0, err)
  const { tests } = JSON.parse(out) as { tests: { verdict: string; got: { route: string } }[] }
  const met = new Set(tests.map(({ got }) => got.route))
  const all = readPlan(file(), { secrets: true }).plan?.routes.map(({ name }) => name) ?? []
  t.strictSame(
    all.filter((name) => !met.has(name)),
    []
  )
})

for (const { policy, file: name = 'gatehouse.yaml', from, to, line } of BREAKS) {
  t.test(`broken: ${policy}`, async (t) => {
    const path = join(home, 'config', name)
    const whole = readFileSync(path, 'utf8')
    t.teardown(() => writeFileSync(path, whole))
    const at = whole.indexOf(from)
    t.ok(at > 0, `the example says ${from}`)
    writeFileSync(path, whole.replace(from, to))
    const read = readPlan(file(), { secrets: true })
    t.strictSame(
      read.findings.filter(({ severity }) => severity === 'error'),
      [],
      'it is no error'
    )
    const failed = (await runTests(read)).filter(({ verdict }) => verdict === 'failed')
    const lines = readFileSync(file().file, 'utf8').split('\n')
    const named = failed.map(({ decided }) => {
      const [, number = '0'] = /gatehouse\.yaml:(\d+):/.exec(decided?.where ?? '') ?? []
      return lines[Number(number) - 1] ?? ''
    })
    t.ok(
      named.some(
        (text) =>
          text.includes(line ?? (to === '' ? '\0' : to)) ||
          (line === undefined && to === '' && text.includes(lineOf(whole, at).replace(from, '').trim()))
      ),
      `its line is named: ${JSON.stringify({ failed: failed.map(({ name: test, decided }) => [test, decided]), named }, null, 1)}`
    )
  })
}

function file(): { file: string; name: string } {
  return { file: join(home, 'config/gatehouse.yaml'), name: 'gatehouse.yaml' }
}

function lineOf(text: string, offset: number): string {
  return text.slice(text.lastIndexOf('\n', offset) + 1, text.indexOf('\n', offset))
}
