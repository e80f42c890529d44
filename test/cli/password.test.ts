import t from 'tap'
import { isPassword, parsePasswordHash } from '../../src/identity/password.ts'
import { errorsOf, planOf, routeWith } from '../control/compile/configuration.ts'
import { run } from './kit.ts'

t.test('the line admits the password, and holds none of it', async (t) => {
  const {
    code,
    out: stdout,
    err: stderr
  } = await run(['password', 'hash', '--username', 'acme', '--consumer', 'acme-inc'], {
    input: 'correct horse battery\n'
  })
  t.equal(code, 0, stderr)
  t.notMatch(stdout, /horse/)
  const plan = planOf(routeWith('auth: { basic: true }', stdout))
  const [consumer] = plan.consumers
  t.match(consumer, { name: 'acme-inc', basic: [{ username: 'acme' }] })
  const hash = parsePasswordHash(consumer?.basic[0]?.hash ?? '')
  t.ok(hash !== null && isPassword('correct horse battery', hash))
  t.ok(plan.routes[0]?.auth.basic)
})

t.test('as JSON; what can’t be a password is refused', async (t) => {
  const { out: stdout } = await run(['password', 'hash', '--json'], { input: 'correct horse battery' })
  t.match(JSON.parse(stdout), { hash: /^scrypt:ln=15,r=8,p=3:/, yaml: /^\{ username: NAME/ })
  for (const [input, message] of [
    ['', /at least 12 characters/],
    ['elevenchars\n', /at least 12/],
    ['abababababababab', /over and over/],
    ['two lines of it\nand more\n', /one line/],
    [`${'long '.repeat(103)}`, /at most 512 bytes/],
    [Buffer.from([0xff, 0xfe, 0x41]), /not UTF-8/]
  ] as const) {
    const { code, err: stderr, out } = await run(['password', 'hash'], { input })
    t.equal(code, 2)
    t.equal(out, '')
    t.match(stderr, message)
  }
  const { code, err: stderr } = await run(['password', 'hash', '--username', 'a:b'], { input: 'correct horse battery' })
  t.equal(code, 2)
  t.match(stderr, /without space and colon/)
})

t.test('a hash out of bounds, a user name of two consumers: errors with their place', async (t) => {
  const hash = `scrypt:ln=15,r=8,p=3:${'A'.repeat(22)}:${'A'.repeat(43)}`
  const of = (a: string, b: string): string[] =>
    errorsOf(
      routeWith(
        'auth: { basic: true }',
        `consumers:\n  - { name: a, basic: [ ${a} ] }\n  - { name: b, basic: [ ${b} ] }\n`
      )
    )
  t.match(of(`{ username: u, hash: "${hash}" }`, `{ username: u, hash: "${hash}" }`), [
    /10:\d+ consumers\[1\]\.basic\[0\]\.username: this user name is taken: see .*9:/
  ])
  t.match(of(`{ username: u, hash: "${hash.replace('15', '12')}" }`, `{ username: "a:b", hash: "${hash}" }`), [
    /consumers\[0\]\.basic\[0\]\.hash: expected "scrypt:…" with parameters in bounds/,
    /consumers\[1\]\.basic\[0\]\.username: expected a user name/
  ])
  t.notMatch(of(`{ username: u, hash: "my-plain-password" }`, `{ username: v, hash: "${hash}" }`).join(''), /my-plain/)
})
