import t from 'tap'
import { HeaderList } from '../../src/headers.ts'
import { findBasic } from '../../src/identity/basic.ts'
import { CallerDirectory, type Holder } from '../../src/identity/directory.ts'
import { hashPassword, isPassword, MAX_PASSWORD, parsePasswordHash } from '../../src/identity/password.ts'
import { PasswordPool, type PasswordCheck } from '../../src/identity/password-pool.ts'
import { Passwords } from '../../src/identity/passwords.ts'
import type { PasswordTask } from '../../src/identity/password-thread.ts'
import { consumerPlan, NOW } from './kit.ts'

const CHEAP = { ln: 14, r: 8, p: 1 }
const HASH = hashPassword('correct horse', CHEAP)
const OTHER = hashPassword('another horse', CHEAP)
const SALT = 'A'.repeat(22)
const KEY = 'A'.repeat(43)

function directoryOf(...users: [name: string, hash: string][]): CallerDirectory {
  const directory = new CallerDirectory()
  directory.add(users.map(([username, hash]) => consumerPlan(username, { basic: [{ username, hash, where: '' }] })))
  return directory
}

/** Takes the password `good` for every hash, when told to answer. */
class Scripted implements PasswordCheck {
  readonly tasks: PasswordTask[] = []
  readonly #held: (() => void)[] = []
  answer: Error | null = null

  check(task: PasswordTask): Promise<boolean | Error> {
    this.tasks.push(task)
    return new Promise((resolve) => this.#held.push(() => resolve(this.answer ?? task.password === 'good')))
  }

  release(): void {
    for (const go of this.#held.splice(0)) go()
  }

  async close(): Promise<void> {}
}

const WRONG = 'the user name is nobody’s, or the password is wrong'
const nameOf = (outcome: Holder | { reason: string }): string =>
  'reason' in outcome ? outcome.reason : `${outcome.consumer.name} ${outcome.method} ${outcome.credential}`

t.test('a hash is of its password alone, and says how it was made', async (t) => {
  const parsed = parsePasswordHash(hashPassword('correct horse'))
  t.match(parsed, { N: 1 << 15, r: 8, p: 3 })
  const cheap = parsePasswordHash(HASH)
  if (cheap === null) throw new Error('not taken')
  t.ok(isPassword('correct horse', cheap))
  t.notOk(isPassword('correct hors', cheap))
  t.notOk(isPassword('', cheap))
  t.not(hashPassword('correct horse', CHEAP), HASH, 'salted')
})

t.test('RFC 7914’s own vector', async (t) => {
  const expected =
    '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887'
  const hash = { N: 16384, r: 8, p: 1, salt: Buffer.from('SodiumChloride'), key: Buffer.from(expected, 'hex') }
  t.ok(isPassword('pleaseletmein', hash))
})

t.test('parameters are bounded, below and above', async (t) => {
  const taken = (ln: number, r: number, p: number): boolean =>
    parsePasswordHash(`scrypt:ln=${ln},r=${r},p=${p}:${SALT}:${KEY}`) !== null
  for (const [ln, r, p] of [
    [14, 8, 1],
    [17, 8, 2],
    [16, 16, 2],
    [15, 8, 8],
    [14, 16, 8]
  ] as const) {
    t.ok(taken(ln, r, p), `${ln} ${r} ${p}`)
  }
  for (const [ln, r, p] of [
    [13, 8, 1],
    [14, 7, 1],
    [14, 8, 0],
    [18, 8, 1],
    [17, 8, 3],
    [17, 16, 1],
    [14, 17, 1],
    [14, 8, 9]
  ] as const) {
    t.notOk(taken(ln, r, p), `${ln} ${r} ${p}`)
  }
  for (const text of [
    '',
    'scrypt:x',
    `scrypt:ln=15,r=8,p=3:${'A'.repeat(21)}:${KEY}`,
    `scrypt:ln=15,r=8,p=3:${SALT}:${'A'.repeat(42)}`,
    `scrypt:ln=15,r=8,p=3:${'A'.repeat(21)}B:${KEY}`,
    `scrypt:ln=15,r=8,p=3:${SALT}:${KEY}\n`,
    `$scrypt$ln=15,r=8,p=3$${SALT}$${KEY}`
  ]) {
    t.equal(parsePasswordHash(text), null, text)
  }
})

t.test('Basic as RFC 7617 writes it, in one spelling', async (t) => {
  const find = (...values: string[]): unknown => {
    const headers = new HeaderList()
    for (const value of values) headers.add('authorization', value)
    return findBasic(headers)
  }
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
  t.strictSame(find(basic('acme:p:w')), { username: 'acme', password: 'p:w' })
  t.strictSame(find(basic('acme:').replace('Basic', 'bASIC')), { username: 'acme', password: '' })
  t.strictSame(find(basic('ac:pä€')), { username: 'ac', password: 'pä€' })
  t.strictSame(find('Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='), { username: 'Aladdin', password: 'open sesame' })
  for (const other of ['Bearer x', 'Basicx', 'ApiKey YTpi']) t.equal(find(other), null, other)
  t.equal(find(), null)
  const twice = find(basic('a:b'), basic('a:b')) as { reason: string }
  t.match(twice.reason, /sent twice/)
  for (const bad of [
    'Basic',
    'Basic ',
    'Basic  YTpi',
    'Basic YTpi ',
    'Basic YTpi\tx',
    'Basic YTpiYw',
    'Basic YTpi=',
    'Basic YTpiYx==',
    'Basic YT-i',
    basic('nocolon'),
    basic(':nobody'),
    basic('a:b\0'),
    basic('a:b\n'),
    `Basic ${Buffer.from('a:\xff', 'latin1').toString('base64')}`,
    basic(`a:${'x'.repeat(MAX_PASSWORD + 1)}`)
  ]) {
    t.ok('reason' in (find(bad) as object), JSON.stringify(bad))
  }
  t.match(find(basic(`a:${'x'.repeat(MAX_PASSWORD)}`)), { username: 'a' })
})

t.test('a good password is checked again a minute after its last use, on a thread of its own', async (t) => {
  const pool = new PasswordPool()
  t.teardown(() => pool.close())
  const passwords = new Passwords(pool, 8)
  const directory = directoryOf(['acme', HASH], ['other', OTHER])
  const ask = (username: string, password: string, now = NOW): unknown =>
    passwords.verify({ username, password }, directory, 'c', now)
  const first = ask('acme', 'correct horse')
  t.ok(first instanceof Promise)
  t.equal(nameOf((await first) as Holder), 'acme basic acme')
  t.notOk(ask('acme', 'correct horse', NOW + 59_999) instanceof Promise)
  t.notOk(ask('acme', 'correct horse', NOW + 119_998) instanceof Promise)
  const late = ask('acme', 'correct horse', NOW + 180_000)
  t.ok(late instanceof Promise)
  t.equal(nameOf((await late) as Holder), 'acme basic acme')
  const wrong = nameOf((await ask('acme', 'another horse')) as Holder)
  t.match(wrong, /nobody’s, or the password is wrong/)
  t.equal(nameOf((await ask('other', 'correct horse')) as Holder), wrong)
  t.equal(nameOf((await ask('nobody', 'correct horse')) as Holder), wrong, 'not even with somebody’s password')
  t.equal(nameOf((await ask('nobody', 'correct horse')) as Holder), wrong)
})

t.test('what is remembered is of this hash: a changed or removed password ends with its generation', async (t) => {
  const check = new Scripted()
  const passwords = new Passwords(check, 8)
  const ask = (directory: CallerDirectory): unknown =>
    passwords.verify({ username: 'acme', password: 'good' }, directory, 'c', NOW)
  const first = ask(directoryOf(['acme', HASH]))
  check.release()
  await first
  t.notOk(ask(directoryOf(['acme', HASH])) instanceof Promise, 'a reload that leaves it costs no check')
  t.ok(ask(directoryOf(['acme', OTHER])) instanceof Promise)
  t.ok(ask(directoryOf(['other', HASH])) instanceof Promise)
  check.release()
})

t.test('the same credential waiting twice is checked once; a nobody’s takes the same steps', async (t) => {
  const check = new Scripted()
  const passwords = new Passwords(check, 8)
  const directory = directoryOf(['acme', HASH])
  const ask = (username: string): Promise<Holder> =>
    Promise.resolve(passwords.verify({ username, password: 'good' }, directory, 'c', NOW) as Promise<Holder>)
  const all = [ask('acme'), ask('acme'), ask('nobody')]
  t.strictSame(
    check.tasks.map(({ hash }) => hash),
    [HASH, HASH]
  )
  check.release()
  t.strictSame((await Promise.all(all)).map(nameOf), ['acme basic acme', 'acme basic acme', WRONG])
  const nobodyAtAll = passwords.verify({ username: 'x', password: 'good' }, directoryOf(), 'c', NOW)
  t.ok(parsePasswordHash(check.tasks[2]?.hash ?? ''), 'where nobody has a password, too')
  check.release()
  t.match(nameOf((await nobodyAtAll) as Holder), /wrong/)
})

t.test('few of one client wait, and few in all; a failure is none of the caller’s', async (t) => {
  const check = new Scripted()
  const passwords = new Passwords(check, 2)
  const directory = directoryOf(['acme', HASH])
  let n = 0
  const ask = (client: string): unknown =>
    passwords.verify({ username: 'acme', password: `p${n++}` }, directory, client, NOW)
  t.ok(ask('a') instanceof Promise)
  t.ok(ask('a') instanceof Promise)
  t.match(ask('a'), { ok: false, code: 'verify-overload', reason: /^2 passwords of this client/ })
  for (let client = 0; client < 30; client++) t.ok(ask(`c${client}`) instanceof Promise)
  t.match(ask('z'), { ok: false, code: 'verify-overload', reason: /^32 passwords wait/ })
  check.release()
  await new Promise((resolve) => setImmediate(resolve))
  check.answer = new Error('no thread')
  const failed = ask('a')
  check.release()
  t.match(await failed, { ok: false, code: 'verify-overload', reason: /no thread/ })
})

t.test('a closed pool says so, and one that was never used closes', async (t) => {
  const pool = new PasswordPool()
  await pool.close()
  t.match(await pool.check({ password: 'x', hash: HASH }), /closed/)
  const other = new PasswordPool()
  t.teardown(() => other.close())
  t.match(await other.check({ password: 'x', hash: 'scrypt:nonsense' }), /out of bounds/)
})
