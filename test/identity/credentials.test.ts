import t from 'tap'
import fc from 'fast-check'
import { findKey, findToken, placesRead } from '../../src/identity/credentials.ts'
import { HeaderList } from '../../src/headers.ts'
import { withoutCookies } from '../../src/policy/cookie.ts'
import { withoutParameters } from '../../src/policy/query.ts'
import { authPlan, jwtPlan } from './kit.ts'
import type { Found } from '../../src/identity/credentials.ts'
import type { Places } from '../../src/plan/auth.ts'

function headers(...pairs: [string, string][]): HeaderList {
  const list = new HeaderList()
  for (const [name, value] of pairs) list.add(name, value)
  return list
}

function places(more: Partial<Places>): Places {
  return { header: [], cookie: [], query: [], ...more }
}

/** The credential, null, or `!` and the reason. */
function show(found: Found): string | null {
  return typeof found === 'object' && found !== null ? `!${found.reason}` : found
}

const AUTHORIZATION = places({ header: ['authorization'] })
const bearer = (...values: string[]): string | null =>
  show(findToken(AUTHORIZATION, headers(...values.map((value): [string, string] => ['authorization', value])), ''))

t.test('a Bearer token, its scheme in any case', async (t) => {
  for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR']) t.equal(bearer(`${scheme} a.b.c`), 'a.b.c')
})

t.test('another scheme is nothing presented', async (t) => {
  for (const value of ['Basic dTpw', 'Bearerx a.b.c', 'Bear a', 'a.b.c', 'Digest x', 'Bearer,x']) {
    t.equal(bearer(value), null, value)
  }
  t.equal(bearer(), null)
})

t.test('a token under the DPoP scheme, in Authorization alone', async (t) => {
  for (const scheme of ['DPoP', 'dpop']) t.equal(bearer(`${scheme} a.b.c`), 'a.b.c')
  t.match(bearer('DPoP'), /^!.*without a token/)
  const elsewhere = findToken(places({ header: ['x-token'] }), headers(['x-token', 'DPoP a.b.c']), '')
  t.equal(show(elsewhere), 'DPoP a.b.c', 'elsewhere it is no scheme, and so no token')
})

t.test('a Bearer scheme without its token, or with more blanks, is bad', async (t) => {
  t.match(bearer('Bearer'), /^!.*without a token/)
  t.match(bearer('Bearer '), /^!.*without a token/)
  t.match(bearer('Bearer  a.b.c'), /^!more than one space/)
  t.match(bearer(''), /^!.*empty/)
})

t.test('a header sent twice is bad, even with the same token', async (t) => {
  t.match(bearer('Bearer a', 'Bearer b'), /^!.*sent twice/)
  t.match(bearer('Bearer a', 'Bearer a'), /^!.*sent twice/)
  t.match(bearer('Bearer a', 'Basic b'), /^!.*sent twice/)
})

t.test('two different tokens are bad, the same one in two places is one', async (t) => {
  const both = places({ header: ['authorization', 'x-token'], cookie: ['session'], query: ['t'] })
  const find = (list: HeaderList, query = ''): string | null => show(findToken(both, list, query))
  t.equal(find(headers(['authorization', 'Bearer a'], ['x-token', 'a'], ['cookie', 'session=a']), 't=a'), 'a')
  t.equal(find(headers(['x-token', 'Bearer a'])), 'a')
  t.match(find(headers(['authorization', 'Bearer a'], ['x-token', 'b'])), /^!two different/)
  t.match(find(headers(['authorization', 'Bearer a'], ['cookie', 'session=b'])), /^!two different/)
  t.match(find(headers(['authorization', 'Bearer a']), 't=b'), /^!two different/)
  t.match(find(headers(['cookie', 'session=a']), 't=b'), /^!two different/)
  t.match(find(headers(['authorization', 'Bearer'], ['x-token', 'b'])), /^!the Bearer scheme/)
  t.match(find(headers(['x-token', 'b'], ['authorization', 'Bearer'])), /^!the Bearer scheme/)
  t.equal(find(headers(['authorization', 'Basic x'], ['x-token', 'b'])), 'b')
})

t.test('keys stand bare in their header', async (t) => {
  const key = (value: string): string | null =>
    show(findKey(places({ header: ['x-api-key'] }), headers(['x-api-key', value]), '', false))
  t.equal(key('k1'), 'k1')
  t.equal(key('Bearer k1'), 'Bearer k1', 'no scheme is looked for there')
  t.match(key(''), /^!.*empty/)
})

t.test('keys in Authorization', async (t) => {
  const key = (value: string, bearerIsToken = false): string | null =>
    show(findKey(AUTHORIZATION, headers(['authorization', value]), '', bearerIsToken))
  t.equal(key('k1'), 'k1')
  t.equal(key('ApiKey k1'), 'k1')
  t.equal(key('apikey k1'), 'k1')
  t.equal(key('Bearer k1'), 'k1')
  t.equal(key('Bearer k1', true), null, 'there it is a token')
  t.equal(key('ApiKey k1', true), 'k1')
  t.equal(key('Basic dTpw'), null)
  t.match(key('ApiKey'), /^!/)
})

t.test('cookies by exact name, quoted or not, over several fields', async (t) => {
  const cookie = (...values: string[]): string | null =>
    show(findToken(places({ cookie: ['session'] }), headers(...values.map((v): [string, string] => ['cookie', v])), ''))
  t.equal(cookie('session=a'), 'a')
  t.equal(cookie('x=1; session=a.b=; y=2'), 'a.b=')
  t.equal(cookie('x=1;session=a'), 'a')
  t.equal(cookie('session="a"'), 'a')
  t.equal(cookie('x=1', 'session=a'), 'a')
  t.equal(cookie('session=a ; x=1'), 'a')
  for (const value of ['Session=a', 'xsession=a', 'session2=a', 'x=session=a', 'session', '', ';;', 'x="session=a"']) {
    t.equal(cookie(value), null, value)
  }
  t.equal(cookie('session=a; session=a'), 'a')
  t.match(cookie('session=a; session=b'), /^!two different/)
  t.match(cookie('session=a', 'session=b'), /^!two different/)
  t.match(cookie('session='), /^!.*empty/)
  t.match(cookie('session=""'), /^!.*empty/)
})

t.test('query parameters by exact name, decoded once', async (t) => {
  const find = (query: string): string | null => show(findKey(places({ query: ['api_key'] }), headers(), query, false))
  t.equal(find('api_key=k1'), 'k1')
  t.equal(find('a=1&api_key=a%2Bb%3D&b'), 'a+b=')
  t.equal(find('api_key=a+b='), 'a+b=')
  t.equal(find('api_key=%2541'), '%41')
  t.equal(find('api%5Fkey=k1'), 'k1')
  for (const query of ['API_KEY=k', 'xapi_key=k', 'api_keys=k', 'a=api_key=k', '', '&&', 'a=1', '%zz=1']) {
    t.equal(find(query), null, query)
  }
  t.equal(find('api_key=k&api_key=k'), 'k')
  t.match(find('api_key=k&api_key=l'), /^!two different/)
  t.match(find('api_key=k&api%5Fkey=l'), /^!two different/)
  t.match(find('api_key=%zz'), /^!.*percent-encoded/)
  t.match(find('api_key=%ff'), /^!.*percent-encoded/)
  t.match(find('api_key='), /^!.*empty/)
  t.match(find('api_key'), /^!.*empty/)
})

t.test('only the places that the route reads are looked at', async (t) => {
  const list = headers(['authorization', 'Bearer a'], ['cookie', 'session=b'], ['x-api-key', 'c'])
  t.equal(show(findToken(places({ cookie: ['session'] }), list, 't=d')), 'b')
  t.equal(show(findToken(places({}), list, 't=d')), null)
})

t.test('what a route reads is what it takes out', async (t) => {
  const jwt = jwtPlan({ cookie: ['session'] })
  const key = places({ header: ['x-api-key', 'authorization'], query: ['api_key'] })
  t.strictSame(placesRead(authPlan({ jwt, key })), {
    header: ['authorization', 'x-api-key', 'dpop'],
    cookie: ['session'],
    query: ['api_key']
  })
  t.strictSame(placesRead(authPlan({ public: true, jwt })), places({}))
})

t.test('what is found here is what the policies take out', async () => {
  const piece = fc.constantFrom('session', 'a', '=', ';', ' ', '"', '&', '%73', '\t', 'x')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const text = pieces.join('')
      const where = places({ cookie: ['session'], query: ['session'] })
      const rest = headers(['cookie', withoutCookies(text, ['session'])])
      return findToken(where, rest, withoutParameters(text, ['session'])) === null
    }),
    { numRuns: 2000, seed: 3 }
  )
})
