/**
 * A canary key banned nobody once it had expired, or where something else was bad or missing beside it: a stolen old key is what
 * a canary is laid out for, and who tries one doesn't know what else a route asks for.
 */
import { createHash } from 'node:crypto'
import t from 'tap'
import { HeaderList } from '../../src/headers.ts'
import { prepareAuth } from '../../src/identity/authenticate.ts'
import { CallerDirectory } from '../../src/identity/directory.ts'
import { TokenVerifier } from '../../src/identity/verifier.ts'
import type { AuthPlan } from '../../src/plan/auth.ts'
import {
  apiKeyPlan,
  authenticatorOf,
  authPlan,
  authRequest,
  consumerPlan,
  EC_KEY,
  InlineVerifier,
  issuerPlan,
  jwtPlan,
  keySet,
  NOW
} from '../identity/kit.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const key = { header: ['x-api-key'], cookie: [], query: [] }
const signatures = new InlineVerifier()
const verifier = new TokenVerifier({
  signatures,
  cacheBytes: 1 << 20,
  queue: 100,
  perClient: 8,
  onUnknownKid: () => {},
  clock: () => NOW
})
const directory = new CallerDirectory()
directory.add([
  consumerPlan('bait', {
    keys: [
      apiKeyPlan('old-bait', sha256('old-bait-key'), { canary: true, expires: NOW - 1 }),
      apiKeyPlan('bait', sha256('bait-key'), { canary: true }),
      apiKeyPlan('old', sha256('old-key'), { expires: NOW - 1 })
    ]
  })
])
verifier.setKeys(keySet([EC_KEY]))
verifier.configure(1, [issuerPlan()], directory)
const authenticator = authenticatorOf(verifier, signatures)

async function canaryIn(
  headers: [name: string, value: string][],
  plan: Partial<AuthPlan>
): Promise<string | undefined> {
  const list = new HeaderList()
  for (const [name, value] of headers) list.add(name, value)
  const auth = prepareAuth(authPlan({ key, ...plan }), directory)
  const outcome = await authenticator.authenticate(auth, authRequest({ headers: list }), NOW)
  t.match(outcome, { ok: false })
  return outcome.ok ? undefined : outcome.canary?.id
}

t.test('an expired canary', async (t) => {
  t.equal(await canaryIn([['x-api-key', 'old-bait-key']], {}), 'old-bait')
  t.equal(await canaryIn([['x-api-key', 'old-key']], {}), undefined, 'an expired key is none')
})

t.test('a canary beside a token that is none', async (t) => {
  const tokens = ['Bearer a', 'Bearer b'].map((value): [string, string] => ['authorization', value])
  t.equal(await canaryIn([['x-api-key', 'bait-key'], ...tokens], { jwt: jwtPlan() }), 'bait')
})

t.test('a canary where a token is asked for, too', async (t) => {
  t.equal(await canaryIn([['x-api-key', 'bait-key']], { jwt: jwtPlan(), require: 'all' }), 'bait')
})
