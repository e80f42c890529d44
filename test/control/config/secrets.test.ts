import t from 'tap'
import { secretFault } from '../../../src/control/config/secrets.ts'

const letters = (n: number) => Array.from({ length: n }, (_, i) => String.fromCharCode(33 + ((i * 37) % 89))).join('')

t.test('as long as the hash’s output, in bytes', async (t) => {
  for (const [algorithm, least] of [
    ['HS256', 32],
    ['HS384', 48],
    ['HS512', 64]
  ] as const) {
    t.match(
      secretFault(letters(least - 1), algorithm),
      new RegExp(`${least - 1} bytes; ${algorithm} needs at least ${least}`)
    )
    t.equal(secretFault(letters(least), algorithm), null)
  }
  t.equal(secretFault(letters(30) + 'ß', 'HS256'), null, 'ß has two bytes')
})

t.test('neither well-known nor a repetition', async (t) => {
  for (const secret of [
    'a-string-secret-at-least-256-bits-long',
    'qwertyuiopasdfghjklzxcvbnm123456',
    'x'.repeat(40),
    'changeme'.repeat(4),
    letters(20).repeat(2)
  ]) {
    const fault = secretFault(secret, 'HS256')
    t.match(fault, /well-known|repetition/)
    t.notOk(fault?.includes(secret.slice(0, 8)), 'and says nothing of it')
  }
})
