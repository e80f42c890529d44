/** A password that was in use all the time had to be checked anew each minute, and a flood of guesses left it no place to wait. */
import t from 'tap'
import { CallerDirectory } from '../../src/identity/directory.ts'
import { hashPassword } from '../../src/identity/password.ts'
import { Passwords } from '../../src/identity/passwords.ts'
import { consumerPlan, NOW } from '../identity/kit.ts'

t.test('who goes on calling is not among those who wait', async (t) => {
  let guessing = false
  // Guesses never get their answer; before, `good` is good.
  const check = {
    check: ({ password }: { password: string }) =>
      guessing ? new Promise<boolean>(() => {}) : Promise.resolve(password === 'good'),
    close: async () => {}
  }
  const passwords = new Passwords(check, 8)
  const directory = new CallerDirectory()
  const hash = hashPassword('good', { ln: 14, r: 8, p: 1 })
  directory.add([consumerPlan('acme', { basic: [{ username: 'acme', hash, where: '' }] })])
  const ask = (password: string, client: string, now: number): unknown =>
    passwords.verify({ username: 'acme', password }, directory, client, now)
  t.match(await ask('good', 'c', NOW), { method: 'basic' })
  guessing = true
  for (let i = 0; i < 40; i++) ask(`guess ${i}`, `attacker ${i}`, NOW)
  for (let seconds = 10; seconds <= 600; seconds += 10)
    t.match(ask('good', 'c', NOW + seconds * 1000), { method: 'basic' }, `${seconds} s`)
  t.match(ask('good', 'c', NOW + 700_000), { code: 'verify-overload' }, 'who was away is')
})
