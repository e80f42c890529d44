import t from 'tap'
import type { AuthPlan, JwtAuthPlan } from '../../src/plan.ts'
import { credentialPlaces } from '../../src/policy/credentials.ts'

const jwt: JwtAuthPlan = {
  header: ['authorization'],
  cookie: ['session'],
  query: [],
  issuers: ['corp'],
  consumers: false,
  audiences: null,
  expiry: 'required'
}
const auth = (parts: Partial<AuthPlan>): AuthPlan => ({
  public: false,
  jwt: null,
  key: null,
  require: 'any',
  anonymous: null,
  mode: 'enforce',
  where: 'x:1:1',
  ...parts
})

t.test('the places of all listed methods, once each', async (t) => {
  const key = { header: ['x-api-key', 'authorization'], cookie: [], query: ['key'] }
  t.same(credentialPlaces(auth({ jwt, key })), {
    header: ['authorization', 'x-api-key'],
    cookie: ['session'],
    query: ['key']
  })
  t.same(credentialPlaces(auth({ key })), key)
})

t.test('a public route reads none', async (t) => {
  t.same(credentialPlaces(auth({ public: true, jwt })), { header: [], cookie: [], query: [] })
})
