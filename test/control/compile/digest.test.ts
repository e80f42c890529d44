import t from 'tap'
import { digestOf } from '../../../src/control/compile/digest.ts'
import type { Plan } from '../../../src/plan/plan.ts'
import { planOf, routeWith } from './configuration.ts'

const YAML = routeWith('auth: public', 'consumers: [ { name: acme, attributes: { where: here, tier: gold } } ]')

t.test('is 64 hex digits and the same each time', async (t) => {
  t.match(planOf(YAML).digest, /^[0-9a-f]{64}$/)
  t.equal(planOf(YAML).digest, planOf(YAML).digest)
})

t.test('does not change with the generation, with comments or with the order of keys', async (t) => {
  const { digest, ...plan } = planOf(YAML)
  t.equal(digestOf({ ...plan, generation: 99 }, []), digest)
  t.equal(planOf(`# a comment\n\n${YAML}`).digest, digest)
  t.equal(planOf(YAML.replace('where: here, tier: gold', 'tier: gold, where: here')).digest, digest)
})

t.test('changes with anything that decides', async (t) => {
  const { digest } = planOf(YAML)
  for (const [from, to] of [
    ['auth: public', 'auth: public, timeouts: { idle: 59s }'],
    ['tier: gold', 'tier: silver'],
    ['where: here', 'where: there'],
    ['name: acme', 'name: acne']
  ] as const)
    t.not(planOf(YAML.replace(from, to)).digest, digest, `${from} → ${to}`)
})

t.test('leaves out the folder of certificate copies, not what they hold', async (t) => {
  const { digest: _, ...plan } = planOf(YAML)
  const withFiles = (certFile: string): string => {
    const certificate = { hosts: [], certFile, keyFile: '/k', covers: [], fingerprint: '', notAfter: 0, where: '' }
    return digestOf({ ...plan, certificates: [certificate] }, [])
  }
  t.equal(withFiles('/a/abc.crt'), withFiles('/b/abc.crt'))
  t.not(withFiles('/a/abc.crt'), withFiles('/a/abd.crt'))
})

t.test('holds key material in hashed form, and changes with it', async (t) => {
  const { digest: _, ...plan } = planOf(YAML)
  const withSecret = (material: Uint8Array): string => {
    const key = { id: 'k', kid: null, algorithms: ['HS256'], material, secret: true }
    const consumers: Plan['consumers'] = plan.consumers.map((one) => ({
      ...one,
      jwt: [{ issuer: 'i', key, where: '' }]
    }))
    return digestOf({ ...plan, consumers }, [])
  }
  t.equal(withSecret(new Uint8Array([1, 2])), withSecret(Buffer.from([1, 2])))
  t.not(withSecret(new Uint8Array([1, 2])), withSecret(new Uint8Array([1, 3])))
  t.not(digestOf(plan, ['a']), digestOf(plan, ['b']), 'and with files that the plan only names')
})
