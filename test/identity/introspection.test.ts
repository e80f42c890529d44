import t from 'tap'
import { Authorities } from '../../src/identity/authority.ts'
import { CallerDirectory } from '../../src/identity/directory.ts'
import { Introspector, isOpaque } from '../../src/identity/introspection.ts'
import { KeyRing } from '../../src/identity/key-ring.ts'
import { issuerPlan, jwtPlan, NOW, SECONDS } from './kit.ts'
import type { Authority } from '../../src/identity/authority.ts'
import type { TokenOutcome } from '../../src/identity/verdict.ts'
import type { JwtAuthPlan } from '../../src/plan/auth.ts'
import type { IntrospectionPlan, IssuerPlan } from '../../src/plan/issuer.ts'

const PLAN: IntrospectionPlan = {
  url: 'https://idp.example/introspect',
  upstream: 0,
  host: 'idp.example',
  path: '/introspect',
  authorization: 'Basic x',
  cache: 60_000
}
const ACTIVE = { active: true, aud: 'api', sub: 'u1', exp: SECONDS + 600 }

class Bench {
  now = NOW
  answer: unknown = ACTIVE
  asked = 0
  readonly introspector: Introspector
  authorities: Authorities

  constructor(plan: Partial<IntrospectionPlan> = {}, options: { queue?: number; perClient?: number } = {}) {
    this.authorities = this.configured(1, { introspection: { ...PLAN, ...plan } })
    this.introspector = new Introspector({
      inquiry: {
        ask: () => {
          this.asked++
          const { answer } = this
          return Promise.resolve(answer instanceof Error ? answer : Buffer.from(JSON.stringify(answer)))
        }
      },
      cacheBytes: 1 << 20,
      queue: options.queue ?? 100,
      perClient: options.perClient ?? 10,
      clock: () => this.now
    })
  }

  configured(generation: number, plan: Partial<IssuerPlan>): Authorities {
    return new Authorities(generation, [issuerPlan(plan)], new CallerDirectory(), () => new KeyRing())
  }

  verify(token = 'opaque', accept: JwtAuthPlan = ROUTE, client = 'c'): TokenOutcome | Promise<TokenOutcome> {
    const authority = this.authorities.asked(accept)
    return this.introspector.verify(token, this.authorities, authority as Authority, accept, client, this.now)
  }

  async say(token?: string, accept?: JwtAuthPlan): Promise<string> {
    const outcome = await this.verify(token, accept)
    return outcome.ok ? 'ok' : `${outcome.code}: ${outcome.reason}`
  }
}

const ROUTE = jwtPlan({ opaque: 'corp' })

t.test('what has three parts is a JWT, everything else is opaque', async (t) => {
  for (const text of ['a.b.c', '..', 'a..']) t.notOk(isOpaque(text), text)
  for (const text of ['', 'a', 'a.b', 'a.b.c.d.e', '...']) t.ok(isOpaque(text), text)
})

t.test('an answer holds for the time configured, and no longer than the token', async (t) => {
  for (const [cache, exp, until] of [
    [60_000, 600, 60_000],
    [60_000, 10, 10_000]
  ] as const) {
    const bench = new Bench({ cache })
    bench.answer = { ...ACTIVE, exp: SECONDS + exp }
    t.equal(await bench.say(), 'ok')
    bench.now = NOW + until - 1
    t.equal(await bench.say(), 'ok')
    t.equal(bench.asked, 1)
    bench.now = NOW + until
    await bench.say()
    t.equal(bench.asked, 2)
  }
})

t.test('"not active" holds for ten seconds at most', async (t) => {
  const bench = new Bench()
  bench.answer = { active: false }
  t.match(await bench.say(), /not active/)
  bench.answer = ACTIVE
  bench.now = NOW + 9999
  t.match(await bench.say(), /not active/)
  bench.now = NOW + 10_000
  t.equal(await bench.say(), 'ok')
  t.equal(bench.asked, 2)
})

t.test('without a cache each use asks, and those at one time share a question', async (t) => {
  const bench = new Bench({ cache: 0 })
  t.strictSame(await Promise.all([bench.say(), bench.say(), bench.say()]), ['ok', 'ok', 'ok'])
  t.equal(bench.asked, 1)
  t.equal(await bench.say(), 'ok')
  t.equal(bench.asked, 2)
  t.equal(bench.introspector.cached, 0)
})

t.test('no answer is an error, and is not remembered', async (t) => {
  const bench = new Bench()
  bench.answer = new Error('refused')
  t.match(await bench.say(), /keys-unavailable: corp does not tell of its token: refused/)
  bench.answer = ACTIVE
  t.equal(await bench.say(), 'ok')
})

t.test('each route judges by its own plan, over one answer', async (t) => {
  const bench = new Bench()
  const other = jwtPlan({ opaque: 'corp', audiences: ['other'] })
  const same = jwtPlan({ opaque: 'corp', audiences: ['api', 'x'] })
  t.match(await bench.say('opaque', other), /another audience/)
  t.equal(await bench.say(), 'ok')
  t.equal(await bench.say('opaque', same), 'ok')
  t.match(await bench.say('opaque', other), /another audience/)
  t.equal(await bench.verify(), await bench.verify('opaque', same), 'one identity')
  t.equal(bench.asked, 1)
})

t.test('a new generation judges the answer anew; another endpoint or client asks anew', async (t) => {
  const bench = new Bench()
  t.equal(await bench.say(), 'ok')
  bench.authorities = bench.configured(2, { introspection: PLAN, required: ['tid'] })
  t.match(await bench.say(), /tid is missing/)
  t.equal(bench.asked, 1)
  for (const change of [{ url: 'https://idp.example/2' }, { authorization: 'Basic y' }]) {
    bench.authorities = bench.configured(3, { introspection: { ...PLAN, ...change } })
    t.equal(await bench.say(), 'ok')
  }
  t.equal(bench.asked, 3)
})

t.test('a new generation with another clock skew counts for an answer that is kept', async (t) => {
  const bench = new Bench({ cache: 60_000 })
  bench.authorities = bench.configured(1, { introspection: PLAN, clockSkew: 30_000 })
  bench.answer = { ...ACTIVE, exp: SECONDS + 10 }
  t.equal(await bench.say(), 'ok')
  bench.authorities = bench.configured(2, { introspection: PLAN, clockSkew: 0 })
  t.equal(await bench.say(), 'ok')
  bench.now = NOW + 9_999
  t.equal(await bench.say(), 'ok')
  bench.now = NOW + 10_000
  t.match(await bench.say(), /has expired/)
  t.equal(bench.asked, 1)
})

t.test('a limit on those who wait, over all and per client: N-1, N, N+1', async (t) => {
  const bench = new Bench({}, { queue: 3, perClient: 2 })
  const waits = (token: string, client: string): boolean => bench.verify(token, ROUTE, client) instanceof Promise
  t.strictSame([waits('a1', 'a'), waits('a2', 'a'), waits('a3', 'a')], [true, true, false])
  t.ok(waits('a1', 'b'), 'one that is asked about already takes no place')
  t.strictSame([waits('b1', 'b'), waits('c1', 'c')], [true, false])
  t.equal(bench.introspector.overloads, 2)
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(bench.introspector.waiting, 0)
  t.ok(waits('c1', 'c'))
})
