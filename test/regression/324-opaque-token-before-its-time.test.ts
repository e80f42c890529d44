/**
 * An opaque token whose `nbf` lay ahead when its issuer was first asked about it was refused for as long as the answer
 * was kept, though its time had come meanwhile: the refusal was kept beside the answer.
 */
import t from 'tap'
import { Authorities } from '../../src/identity/authority.ts'
import { CallerDirectory } from '../../src/identity/directory.ts'
import { Introspector } from '../../src/identity/introspection.ts'
import { KeyRing } from '../../src/identity/key-ring.ts'
import { issuerPlan, jwtPlan, NOW, SECONDS } from '../identity/kit.ts'

const CACHE = 60_000
const AHEAD = 10

t.test('good once its time has come, over the one answer', async (t) => {
  let now = NOW
  let asked = 0
  const introspection = {
    url: 'https://idp.example/introspect',
    upstream: 0,
    host: 'idp.example',
    path: '/introspect',
    authorization: 'Basic x',
    cache: CACHE
  }
  const answer = { active: true, aud: 'api', sub: 'u1', nbf: SECONDS + AHEAD, exp: SECONDS + 600 }
  const introspector = new Introspector({
    inquiry: { ask: () => (asked++, Promise.resolve(Buffer.from(JSON.stringify(answer)))) },
    cacheBytes: 1 << 20,
    queue: 10,
    perClient: 10,
    clock: () => now
  })
  const route = jwtPlan({ opaque: 'corp' })
  const issuer = issuerPlan({ introspection, clockSkew: 0 })
  const authorities = new Authorities(1, [issuer], new CallerDirectory(), () => new KeyRing())
  const authority = authorities.asked(route)
  if (authority === null) throw new Error('the route takes opaque tokens')
  const say = async (): Promise<string> => {
    const outcome = await introspector.verify('opaque', authorities, authority, route, 'c', now)
    return outcome.ok ? 'ok' : outcome.reason
  }
  t.match(await say(), /not valid yet/)
  now = NOW + AHEAD * 1000 - 1
  t.match(await say(), /not valid yet/)
  now = NOW + AHEAD * 1000
  t.equal(await say(), 'ok')
  t.equal(asked, 1)
})
