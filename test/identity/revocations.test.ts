import t from 'tap'
import { NOBODY, type Caller } from '../../src/caller.ts'
import { RevocationIndex, Revocations, Standing } from '../../src/identity/revocations.ts'
import type { RevocationPlan } from '../../src/plan/revocation.ts'
import { NOW, SECONDS } from './kit.ts'

let made = 0
function entry(fields: Partial<RevocationPlan>): RevocationPlan {
  const none = { issuer: null, jti: null, subject: null, consumer: null, kid: null, issuedBefore: null }
  return { id: `rv-${made++}`, ...none, until: NOW + 1000, reason: '', where: 'w', ...fields }
}

function standing(caller: Partial<Caller> = {}, kid = ''): Standing {
  const one = new Standing({ ...NOBODY, method: 'jwt', ...caller })
  one.kid = kid
  return one
}

const alice = { subject: 'alice', issuer: 'corp', consumer: 'app', claims: { jti: 't1', iat: SECONDS - 100 } }

t.test('everything that an entry names must be so', async (t) => {
  for (const [fields, hit] of [
    [{ jti: 't1' }, true],
    [{ jti: 't2' }, false],
    [{ jti: 't1', issuer: 'corp' }, true],
    [{ jti: 't1', issuer: 'other' }, false],
    [{ jti: 't1', subject: 'alice', consumer: 'app', kid: 'k1', issuer: 'corp', issuedBefore: NOW }, true],
    [{ jti: 't1', subject: 'bob' }, false],
    [{ subject: 'alice' }, true],
    [{ subject: 'Alice' }, false],
    [{ subject: 'alice', consumer: 'other' }, false],
    [{ consumer: 'app' }, true],
    [{ kid: 'k1' }, true],
    [{ kid: 'k2' }, false],
    [{ kid: 'k1', consumer: 'app' }, true],
    [{ issuedBefore: NOW - 100_001 }, false],
    [{ issuedBefore: NOW - 100_000 }, false],
    [{ issuedBefore: NOW - 99_999 }, true],
    [{ issuedBefore: NOW, issuer: 'other' }, false]
  ] as const) {
    const index = RevocationIndex.of([entry(fields)])
    t.equal(index.find(standing(alice, 'k1'), NOW) !== null, hit, JSON.stringify(fields))
  }
})

t.test('a claim that is absent, or of another type, fits nothing it could be mistaken for', async (t) => {
  const index = RevocationIndex.of([entry({ jti: '7' }), entry({ jti: 'undefined' }), entry({ subject: 'x' })])
  t.equal(index.find(standing({ claims: {} }), NOW), null)
  t.equal(index.find(standing({ claims: { jti: 7 } }), NOW), null)
  t.equal(index.find(standing({ claims: { jti: ['7'] } }), NOW), null)
  t.equal(index.find(standing({ claims: { jti: '__proto__' }, subject: 'constructor' }), NOW), null)
})

t.test('a token that does not say when it was issued was issued before; a key is not issued', async (t) => {
  const index = RevocationIndex.of([entry({ issuedBefore: 1 })])
  t.ok(index.find(standing({ claims: {} }), NOW))
  t.ok(index.find(standing({ claims: { iat: '1' } }), NOW))
  t.equal(index.find(standing({ claims: { iat: 1 } }), NOW), null)
  t.equal(index.find(standing({ method: 'key', consumer: 'app' }), NOW), null)
  t.equal(index.find(standing({ method: 'public', claims: {} }), NOW), null)
})

t.test('until its end, N-1, N, N+1', async (t) => {
  const index = RevocationIndex.of([entry({ subject: 'alice', until: NOW })])
  t.ok(index.find(standing(alice), NOW - 1))
  t.equal(index.find(standing(alice), NOW), null)
  t.equal(index.find(standing(alice), NOW + 1), null)
})

t.test('entries come and go by id', async (t) => {
  const index = new RevocationIndex()
  index.add(entry({ id: 'a', subject: 'alice' }))
  index.add(entry({ id: 'b', subject: 'alice', issuer: 'other' }))
  index.add(entry({ id: 'a', subject: 'alice', reason: 'newer' }))
  t.equal(index.size, 2)
  t.equal(index.find(standing(alice), NOW)?.reason, 'newer')
  index.remove('a')
  index.remove('never there')
  t.equal(index.find(standing(alice), NOW), null)
  t.equal(index.size, 1)
  index.clear()
  t.equal(index.size, 0)
})

t.test('a credential asks once an epoch, however many requests carry it', async (t) => {
  const revocations = new Revocations()
  const one = standing(alice)
  for (let i = 0; i < 10_000; i++) t.equal(revocations.of(one, NOW), null)
  t.equal(revocations.rechecks, 1)
  revocations.change([entry({ subject: 'bob' })], [], false)
  for (let i = 0; i < 10_000; i++) revocations.of(one, NOW)
  t.equal(revocations.rechecks, 2)
  const hit = entry({ subject: 'alice' })
  revocations.change([hit], [], false)
  for (let i = 0; i < 10_000; i++) if (revocations.of(one, NOW) !== hit) t.fail('revoked')
  t.equal(revocations.rechecks, 3, 'a revoked one asks no more often')
  t.equal(revocations.of(one, hit.until), null, 'its time is over')
  t.equal(revocations.rechecks, 4)
  revocations.of(one, hit.until)
  t.equal(revocations.rechecks, 4)
})

t.test('the configuration and the run time have their own, and a whole set replaces only its own', async (t) => {
  const revocations = new Revocations()
  const { epoch } = revocations
  revocations.configure(RevocationIndex.of([]))
  t.equal(revocations.epoch, epoch, 'none before and none after: nobody asks again')
  revocations.configure(RevocationIndex.of([entry({ subject: 'alice' })]))
  revocations.change([entry({ id: 'x', subject: 'bob' })], [], false)
  const bob = standing({ subject: 'bob' })
  const first = standing(alice)
  t.ok(revocations.of(first, NOW))
  t.ok(revocations.of(bob, NOW))
  revocations.change([], [], true)
  t.ok(revocations.of(first, NOW))
  t.equal(revocations.of(bob, NOW), null)
  revocations.configure(RevocationIndex.of([]))
  t.equal(revocations.of(first, NOW), null)
})
