import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { folder, run } from './kit.ts'

const GOOD = `version: 1
listen:
  - { address: "127.0.0.1:8080" }
services:
  - name: orders
    url: http://127.0.0.1:9
    routes:
      - { name: read, match: { paths: ["/orders/{id}"] }, policies: { auth: public } }
`

function write(t: Test, text: string): string {
  const dir = folder(t)
  writeFileSync(join(dir, 'g.yaml'), text)
  return dir
}

t.test('a good file: what was checked, exit code 0', async (t) => {
  const cwd = write(t, GOOD)
  const { code, out, err } = await run(['check', 'g.yaml'], { cwd })
  t.equal(code, 0)
  t.match(out, /^g\.yaml: good: 1 listener, no certificates, 1 service, 1 route, /)
  t.equal(err, '')
  const json = JSON.parse((await run(['check', '--json'], { cwd, env: { GATEHOUSE_CONFIG: 'g.yaml' } })).out) as unknown
  t.match(json, { ok: true, file: 'g.yaml', errors: 0, digest: /^[0-9a-f]{64}$/ })
})

t.test('mistakes: each with its place, all at once, exit code 1', async (t) => {
  const cwd = write(
    t,
    GOOD.replace('listen:', 'lisen:').replace('auth: public', 'auth: publik').replace('/orders/{id}', 'orders')
  )
  const { code, out, err } = await run(['check', 'g.yaml'], { cwd })
  t.equal(code, 1)
  t.equal(out, '')
  for (const place of ['g.yaml:2:1', 'g.yaml:8:']) t.match(err, place)
  t.match(err, 'did you mean "listen"')
  t.match(err, /g\.yaml: \d+ errors/)
  const json = JSON.parse((await run(['check', '--json', 'g.yaml'], { cwd })).out) as { findings: { where: string }[] }
  t.match(json, { ok: false, digest: null })
  t.ok(json.findings.length >= 3)
})

t.test('a secret that is not there: an error, unless secrets are not looked at', async (t) => {
  const secret =
    'consumers: [ { name: a, jwt: [ { issuer: x, algorithm: HS256, secret: "${env:NOBODY_HAS_THIS}" } ] } ]\n'
  const cwd = write(t, GOOD + secret)
  t.match(await run(['check', 'g.yaml'], { cwd }), { code: 1, err: /NOBODY_HAS_THIS/ })
  t.match(await run(['check', '--no-secrets', 'g.yaml'], { cwd }), { code: 0, out: /secrets were not looked at/ })
})

t.test('a warning fails only --strict', async (t) => {
  const limits = 'auth: public, limits: [ { name: l, rate: 5/min, by: header:x-key } ]'
  const cwd = write(t, GOOD.replace('auth: public', limits))
  t.match(await run(['check', 'g.yaml'], { cwd }), { code: 0, err: /warning/ })
  t.match(await run(['check', '--strict', 'g.yaml'], { cwd }), { code: 1 })
})

t.test('no such file is a usage error', async (t) => {
  t.match(await run(['check', 'none.yaml']), { code: 2, err: /there is no file none\.yaml/ })
})
