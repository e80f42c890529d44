import t from 'tap'
import type { CorsPlan } from '../../src/plan/cors.ts'
import { allowsOrigin, corsFields, isPreflight, prepareCors, preflightFields } from '../../src/policy/cors.ts'

const plan = (parts: Partial<CorsPlan> = {}): CorsPlan => ({
  origins: ['https://app.example.com', 'https://*.example.org', 'https://*.example.net:8443'],
  methods: ['GET', 'PUT'],
  headers: ['authorization', 'x-a'],
  expose: ['x-request-id'],
  credentials: true,
  maxAge: 3600,
  where: 'x:1:1',
  ...parts
})

t.test('allowed origins', async (t) => {
  const cors = prepareCors(plan())
  for (const origin of [
    'https://app.example.com',
    'https://a.example.org',
    'https://az-09_.example.org',
    'https://a-1.example.net:8443'
  ]) {
    t.equal(allowsOrigin(cors, origin), true, origin)
  }
  for (const origin of [
    'http://app.example.com',
    'https://app.example.com:444',
    'https://app.example.com.evil.com',
    'https://evilapp.example.com',
    'https://a.b.example.org',
    'https://example.org',
    'https://.example.org',
    'https://evil.com/.example.org',
    'https://evil.com#.example.org',
    'https://user@.example.org',
    'https://a.example.net',
    'https://a.example.org.evil.com',
    'null',
    ''
  ]) {
    t.equal(allowsOrigin(cors, origin), false, origin)
  }
  t.equal(allowsOrigin(prepareCors(plan({ origins: ['null'] })), 'null'), false, 'null not even by name')
})

t.test('any origin', async (t) => {
  const cors = prepareCors(plan({ origins: ['*'], credentials: false }))
  t.equal(allowsOrigin(cors, 'null'), true)
  t.same(corsFields(cors, 'https://x.example'), [
    'access-control-allow-origin',
    '*',
    'access-control-expose-headers',
    'x-request-id'
  ])
  t.same(corsFields(cors, undefined), corsFields(cors, 'https://x.example'), 'one answer for all: no Vary needed')
  t.throws(() => prepareCors(plan({ origins: ['*'] })), /can’t go with credentials/)
})

t.test('the answer to a preflight', async (t) => {
  const cors = prepareCors(plan())
  t.same(preflightFields(cors, 'https://app.example.com'), [
    'access-control-allow-origin',
    'https://app.example.com',
    'vary',
    'origin',
    'access-control-allow-credentials',
    'true',
    'access-control-allow-methods',
    'GET, PUT',
    'access-control-allow-headers',
    'authorization, x-a',
    'access-control-max-age',
    '3600'
  ])
  t.same(preflightFields(cors, 'https://evil.com'), ['vary', 'origin'])
})

t.test('any other answer', async (t) => {
  const cors = prepareCors(plan({ credentials: false, expose: [] }))
  t.same(corsFields(cors, 'https://app.example.com'), [
    'access-control-allow-origin',
    'https://app.example.com',
    'vary',
    'origin'
  ])
  t.same(corsFields(cors, 'https://evil.com'), ['vary', 'origin'])
  t.same(corsFields(cors, undefined), ['vary', 'origin'], 'caches must part them')
})

t.test('what a preflight is', async (t) => {
  t.equal(isPreflight('OPTIONS', 'https://a', 'PUT'), true)
  t.equal(isPreflight('OPTIONS', 'https://a', undefined), false)
  t.equal(isPreflight('OPTIONS', undefined, 'PUT'), false)
  t.equal(isPreflight('GET', 'https://a', 'PUT'), false)
})
