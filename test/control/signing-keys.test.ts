import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { SigningKeys } from '../../src/control/signing-keys.ts'
import type { SigningKey } from '../../src/messages.ts'
import type { TokenAlgorithm } from '../../src/plan/identity.ts'
import type { RoutePlan } from '../../src/plan/route.ts'

const LIFETIME = 604_800_000
const NOTICE = 3_600_000
const OVERLAP = 3_660_000

interface Owner {
  keys: SigningKeys
  sent: SigningKey[][]
  notes: string[]
  clock: { now: number }
}

function open(t: Test, stateDir: string, clock = { now: 1_000_000_000_000 }): Owner {
  const sent: SigningKey[][] = []
  const notes: string[] = []
  const keys = new SigningKeys({
    stateDir,
    lifetime: LIFETIME,
    notice: NOTICE,
    onKeys: (list) => void sent.push(list),
    onNote: (_, text) => void notes.push(text),
    now: () => clock.now
  })
  t.teardown(() => keys.close())
  return { keys, sent, notes, clock }
}

function folder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'gh-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

function plan(...algorithms: TokenAlgorithm[]): { routes: RoutePlan[] } {
  return { routes: algorithms.map((algorithm) => ({ identity: { token: { algorithm } } }) as unknown as RoutePlan) }
}

const kids = ({ keys }: Owner): unknown[] => keys.jwks().keys.map(({ kid }) => kid)

t.test('made when asked for, kept for the user alone, with no private part in the set', async (t) => {
  const dir = folder(t)
  const owner = open(t, dir)
  await owner.keys.prepare(plan())
  t.same(owner.keys.jwks(), { keys: [] }, 'nobody asks for tokens')
  await owner.keys.prepare(plan('EdDSA', 'ES256', 'EdDSA'))
  const { keys } = owner.keys.jwks()
  t.match(keys, [
    { kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig' },
    { kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig' }
  ])
  for (const key of keys) t.notOk('d' in key)
  t.equal(statSync(join(dir, 'token-keys.json')).mode & 0o777, 0o600)
  t.match(owner.sent.at(-1), [{ signsFrom: owner.clock.now }, { signsFrom: owner.clock.now }])
})

t.test('rotation: published before it signs, gone when its last token is', async (t) => {
  const owner = open(t, folder(t))
  const start = owner.clock.now
  await owner.keys.prepare(plan('EdDSA'))
  const [first] = kids(owner)
  const at = async (time: number): Promise<unknown[]> => {
    owner.clock.now = time
    await owner.keys.advance()
    return kids(owner)
  }
  t.same(await at(start + LIFETIME - NOTICE - 1), [first])
  const [, second] = await at(start + LIFETIME - NOTICE)
  t.type(second, 'string')
  t.match(owner.sent.at(-1), [{ kid: first }, { kid: second, signsFrom: start + LIFETIME }])
  t.same(await at(start + LIFETIME - 1), [first, second])
  t.same(await at(start + LIFETIME + OVERLAP), [first, second])
  t.same(await at(start + LIFETIME + OVERLAP + 1), [second])
  t.same(
    owner.sent.at(-1)?.map(({ kid }) => kid),
    [second],
    'workers forget it too'
  )
})

t.test('a restart goes on with the same keys; a long pause announces a new one first', async (t) => {
  const dir = folder(t)
  const before = open(t, dir)
  await before.keys.prepare(plan('EdDSA'))
  const after = open(t, dir, before.clock)
  await after.keys.prepare(plan('EdDSA'))
  t.same(kids(after), kids(before))
  t.same(after.sent.at(-1), before.sent.at(-1))
  const late = open(t, dir, { now: before.clock.now + 10 * LIFETIME })
  await late.keys.prepare(plan('EdDSA'))
  t.equal(kids(late).length, 2)
  t.match(late.sent.at(-1), [{}, { signsFrom: late.clock.now + NOTICE }])
})

t.test('a damaged file is said, and new keys are made', async (t) => {
  const good = folder(t)
  await open(t, good).keys.prepare(plan('EdDSA'))
  const text = readFileSync(join(good, 'token-keys.json'), 'utf8')
  for (const damaged of [
    '',
    '{',
    '{}',
    '{"keys":[{}]}',
    text.slice(0, -20),
    text.replace('"EdDSA"', '"none"'),
    text.replace(/"d":"..../, '"d":"')
  ]) {
    const dir = folder(t)
    writeFileSync(join(dir, 'token-keys.json'), damaged)
    const owner = open(t, dir)
    await owner.keys.prepare(plan('EdDSA'))
    t.equal(kids(owner).length, 1)
    t.match(owner.notes[0], /is damaged/, damaged.slice(0, 30))
  }
})

t.test('keys that cannot be kept are no keys', async (t) => {
  const owner = open(t, '/dev/null/state')
  await t.rejects(owner.keys.prepare(plan('EdDSA')))
  t.same(owner.keys.jwks(), { keys: [] })
  t.same(owner.sent, [])
})
