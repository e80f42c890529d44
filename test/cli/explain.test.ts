import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { CannotTell, UsageError } from '../../src/cli/command.ts'
import { explain } from '../../src/cli/explain.ts'
import { folder, run, type Ran } from './kit.ts'

const CONFIG = `version: 1
listen:
  - { name: plain, address: "127.0.0.1:8080" }
consumers:
  - { name: acme, groups: [partners], attributes: { tenant: a }, keys: [ { id: k1, hash: "sha256:${'0'.repeat(64)}" } ] }
policies:
  limits: [ { name: flood, rate: 100/s, by: ip } ]
services:
  - name: orders
    url: http://127.0.0.1:9
    policies: { auth: { key: true } }
    routes:
      - name: read
        match: { methods: [GET], paths: ["/orders/{tenant}"] }
        policies:
          authorize: { name: own, when: 'caller.attributes.tenant == path.tenant' }
      - name: moved
        match: { paths: ["/old"] }
        respond: { status: 308, headers: { location: /orders } }
        policies: { auth: public }
`

function config(t: Test): string {
  const dir = folder(t)
  writeFileSync(join(dir, 'gatehouse.yaml'), CONFIG)
  return dir
}

t.test('explain: let through, refused and answered, with the deciding line', async (t) => {
  const cwd = config(t)
  const ask = (...args: string[]): Promise<Ran> => run(['explain', ...args], { cwd })
  const forward = await ask('GET', 'http://localhost:8080/orders/a', '--as', 'acme', '--ip', '203.0.113.9')
  t.equal(forward.code, 0)
  t.match(forward.out, /route +orders\.read/)
  t.match(forward.out, /forwarded to service:orders/)
  t.match(forward.out, 'x-consumer: acme')
  t.match(forward.out, '203.0.113.9')

  const deny = await ask('GET', 'http://localhost:8080/orders/b', '--as', 'acme')
  t.equal(deny.code, 1)
  t.match(deny.out, /authorize +deny +own .*\[gatehouse\.yaml:16:\d+\]/)
  t.match(deny.out, 'refused with 403')

  t.match(await ask('GET', 'http://localhost:8080/orders/a'), { code: 1, out: /refused with 401/ })
  t.match(await ask('POST', 'http://localhost:8080/orders/a'), { code: 1, out: /refused with 405/ })
  t.match(await ask('GET', 'http://localhost:8080/old'), { code: 0, out: /answered by the gateway with 308/ })

  const json = JSON.parse((await ask('--json', 'GET', 'http://localhost:8080/orders/b', '--as', 'acme')).out) as unknown
  t.match(json, { status: 403, decision: 'deny', route: 'orders.read', steps: Array })
})

t.test('explain: a description that cannot be is a usage error', async (t) => {
  const cwd = config(t)
  const url = 'http://localhost:8080/orders/a'
  for (const [args, why] of [
    [[], 'a METHOD and a URL, or a REQUEST-ID'],
    [['GET'], 'explain GET takes a URL too'],
    [['x'.repeat(65)], '1 to 64 printable characters'],
    [['an-id', '--as', 'acme'], '--as describes a request'],
    [['GET', url, '--socket', 'x'], 'they go with a REQUEST-ID'],
    [['GET', '/orders'], 'is no URL'],
    [['GET', url, '--claims', 'x'], '--claims takes a JSON object'],
    [['GET', url, '--claims', '{}', '--as', 'acme'], 'two callers'],
    [['GET', url, '-H', 'x'], 'Name: value'],
    [['GET', url, '--time', 'soon'], '--time takes'],
    [['GET', url, '--as', 'nobody'], 'nobody'],
    [['GET', url, '--ip', 'here'], 'no IP address'],
    [['GET', url, '--listener', 'none'], 'none']
  ] as const) {
    await t.rejects(
      explain.run([...args, '--config', join(cwd, 'gatehouse.yaml')]),
      { constructor: UsageError, message: new RegExp(why) },
      args.join(' ')
    )
  }
})

t.test('explain: of a request id, only a gateway can tell', async (t) => {
  await t.rejects(explain.run(['an-id', '--socket', '/nowhere.sock']), {
    constructor: CannotTell,
    message: /no gateway is running/
  })
})

t.test('explain and show: of a file with errors nothing can be said', async (t) => {
  const cwd = folder(t)
  writeFileSync(join(cwd, 'gatehouse.yaml'), 'version: 2\n')
  t.match(await run(['explain', 'GET', 'http://a/'], { cwd }), { code: 3, err: /gatehouse\.yaml:1:/ })
  t.match(await run(['show'], { cwd }), { code: 3, err: /gatehouse\.yaml:1:/ })
})

t.test('show: what holds, each line with its origin', async (t) => {
  const cwd = config(t)
  const all = await run(['show'], { cwd })
  t.equal(all.code, 0)
  t.match(all.out, /^orders\.read {2}gatehouse\.yaml:13:/m)
  t.match(all.out, /^ {2}limits\.flood +.*gateway gatehouse\.yaml:7:/m)
  t.match(all.out, /^ {2}auth +.*service:orders gatehouse\.yaml:11:/m)
  t.match(all.out, /^ {2}timeouts\.request +30s +default$/m)
  const one = JSON.parse((await run(['show', '--json', 'orders.moved'], { cwd })).out) as {
    route: string
    lines: unknown[]
  }[]
  t.equal(one.length, 1)
  t.match(one[0], { route: 'orders.moved' })
  t.match(await run(['show', 'orders.raed'], { cwd }), { code: 2, err: /did you mean "orders\.read"\?/ })
})
