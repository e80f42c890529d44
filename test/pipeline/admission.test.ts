/** Whom an overloaded worker turns away, by what the request brings. */
import t from 'tap'
import { CALLER as KNOWN_CALLER, STRANGER } from '../../src/limits/admission.ts'
import { countUnderWay } from '../../src/pipeline/admission.ts'
import { hmacToken, seconds, sha256 } from '../e2e/tokens.ts'
import { pipeline, type Described, type Pipeline } from './kit.ts'

const SECRET = 'c2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2gtZm9yLUhTMjU2'
const YAML = `version: 1
listen: [ { address: "127.0.0.1:0", ready: /-/ready } ]
consumers:
  - { name: guest }
  - { name: globex, keys: [ { id: globex-1, hash: "sha256:${sha256('globex-key')}" } ] }
  - { name: acme, keys: [ { id: acme-1, hash: "sha256:${sha256('acme-key')}" } ], jwt: [ { issuer: "https://acme.example", algorithm: HS256, secret: "${SECRET}" } ] }
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: { key: { header: x-api-key, cookie: k, query: q }, jwt: { consumers: true, audiences: any } }, cors: { origins: ["https://app.example"] } }
    routes:
      - { name: open, match: { paths: [/open] }, policies: { auth: public } }
      - { name: guests, match: { paths: [/guests] }, policies: { auth: { key: { header: x-api-key }, anonymous: guest } } }
      - { name: any, match: { paths: ["/*"] } }
`
const bearer = (text: string): Record<string, string> => ({ authorization: `Bearer ${text}` })
const newToken = (sub: string): Record<string, string> =>
  bearer(hmacToken(SECRET, { iss: 'https://acme.example', sub, exp: seconds() + 1e6 }))
const CALLER: Described = { target: '/x', headers: { 'x-api-key': 'acme-key' } }

/** Weighs so long that all of the classes below `level` are turned away. */
function load(stages: Pipeline, level: 1 | 2 | 3): void {
  const { admission } = stages.services
  while (admission.share((level - 1) as 0 | 1 | 2) < (level === 3 ? 0.89 : 0.999))
    admission.judge({ lag: 101, waiting: 0, memory: 0, heap: 0 })
}

t.test('at rest everybody is judged as ever', async (t) => {
  const stages = await pipeline(t, YAML)
  t.equal((await stages.decide({ target: '/open' })).what, 'permit')
  t.equal((await stages.decide({ target: '/x' })).what, 'no-credential')
  t.equal((await stages.decide(CALLER)).what, 'permit')
})

t.test('requests without a credential are first', async (t) => {
  const stages = await pipeline(t, YAML)
  load(stages, 1)
  const { outcome } = await stages.decide({ target: '/open' })
  t.match(outcome, { problem: { code: 'shedding', status: 503 }, policy: 'admission' })
  for (const target of ['/open', '/guests', '/x', '/x?other=1'])
    t.equal((await stages.decide({ target })).what, 'shedding', target)
  const cookie = { target: '/x', headers: { cookie: 'k=acme-key' } }
  for (const described of [CALLER, cookie, { target: '/x?q=acme-key' }, { target: '/x', headers: newToken('a') }])
    t.equal((await stages.decide(described)).what, 'permit', JSON.stringify(described))
  t.equal((await stages.decide({ target: '/guests', headers: { 'x-api-key': 'acme-key' } })).what, 'permit')
  t.equal((await stages.decide({ target: '/x', headers: { 'x-api-key': 'wrong' } })).what, 'bad-credential')
})

t.test('ready, what no route takes and preflights are answered all the same', async (t) => {
  const stages = await pipeline(t, YAML)
  load(stages, 3)
  t.equal((await stages.decide({ target: '/-/ready' })).what, 'ready')
  const preflight = { origin: 'https://app.example', 'access-control-request-method': 'GET' }
  t.equal((await stages.decide({ method: 'OPTIONS', target: '/x', headers: preflight })).what, 'cors')
})

t.test('then credentials that are not known yet; one that was verified before is known', async (t) => {
  const stages = await pipeline(t, YAML)
  const known = newToken('known')
  t.equal((await stages.decide({ target: '/x', headers: known })).what, 'permit')
  load(stages, 2)
  const refused = await stages.decide({ target: '/x', headers: newToken('new') })
  t.equal(refused.status, 503)
  t.match(refused.outcome, { headers: ['retry-after', /^\d$/] })
  t.equal((await stages.decide({ target: '/x', headers: known })).what, 'permit')
  t.equal((await stages.decide(CALLER)).what, 'permit')
})

t.test('known callers last, and one in ten of them passes', async (t) => {
  const stages = await pipeline(t, YAML)
  load(stages, 3)
  const got: string[] = []
  for (let i = 0; i < 50; i++) got.push((await stages.decide(CALLER)).what)
  const passed = got.filter((what) => what === 'permit').length
  t.ok(passed === 5 || passed === 6, String(passed))
  t.equal(got.filter((what) => what === 'shedding').length, 50 - passed)
})

t.test('those who are turned away are not all told to come back at once', async (t) => {
  const stages = await pipeline(t, YAML)
  load(stages, 1)
  const told = new Set<string>()
  for (let i = 0; i < 10; i++) {
    const { outcome } = await stages.decide({ target: '/open' })
    if ('headers' in outcome) told.add(outcome.headers.join(' '))
  }
  t.strictSame(
    [...told].toSorted(),
    [1, 2, 3, 4, 5].map((s) => `retry-after ${s}`)
  )
})

t.test('an address that wants much is turned away before others, strangers and newcomers alike', async (t) => {
  const stages = await pipeline(t, YAML)
  const { admission } = stages.services
  const judge = (lag: number): unknown => admission.judge({ lag, waiting: 0, memory: 0, heap: 0 })
  for (const level of [1, 2] as const) {
    while (admission.share((level - 1) as 0 | 1) < 0.4) judge(101)
    let n = 0
    const ask = async (from: string): Promise<string> =>
      (
        await stages.decide(
          level === 1
            ? { target: '/open', peer: from }
            : { target: '/x', peer: from, headers: newToken(`${level}${from}${n++}`) }
        )
      ).what
    const flood = async (): Promise<string[]> => {
      const got: string[] = []
      for (let i = 0; i < 100; i++) got.push(await ask('192.0.2.1'))
      return got
    }
    await flood()
    for (let i = 0; i < 3; i++) await ask('192.0.2.2')
    judge(70)
    for (let i = 0; i < 3; i++) t.equal(await ask('192.0.2.2'), 'permit', `level ${level}`)
    t.ok((await flood()).filter((what) => what !== 'permit').length > 20, `level ${level}`)
  }
})

t.test('of known callers who wants much, wherever they call from', async (t) => {
  const stages = await pipeline(t, YAML)
  load(stages, 3)
  const ask = async (key: string, peer: string): Promise<string> =>
    (await stages.decide({ target: '/x', peer, headers: { 'x-api-key': key } })).what
  for (let i = 0; i < 200; i++) await ask('acme-key', `192.0.2.${i}`)
  for (let i = 0; i < 5; i++) await ask('globex-key', '192.0.2.1')
  stages.services.admission.judge({ lag: 70, waiting: 0, memory: 0, heap: 0 })
  for (let i = 0; i < 5; i++) t.equal(await ask('globex-key', '192.0.2.1'), 'permit')
  let away = 0
  for (let i = 0; i < 200; i++) if ((await ask('acme-key', `192.0.2.${i}`)) === 'shedding') away++
  t.ok(away > 150, `${away} of 200`)
})

t.test('of known callers a low tier goes before a high one, and as much of it as it is granted less', async (t) => {
  const tiers = (mode: string): string =>
    `{ name: plan, by: caller, rate: 100000/s, tiers: [ { groups: [gold], rate: 800000/s }, { groups: [trial], rate: 1000/s } ]${mode} }`
  const yaml = (mode: string): string => `version: 1
listen: [ { address: "127.0.0.1:0" } ]
consumers:
${['gold', 'plain', 'trial'].map((name) => `  - { name: ${name}, groups: [${name}], keys: [ { id: ${name}-1, hash: "sha256:${sha256(`${name}-key`)}" } ] }`).join('\n')}
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: { key: { header: x-api-key } } }
    routes:
      - { name: tiers, match: { paths: [/tiers] }, policies: { limits: [ ${tiers(mode)} ] } }
      - { name: same, match: { paths: [/same] } }
`
  const away = async (mode: string, target: string): Promise<number[]> => {
    const stages = await pipeline(t, yaml(mode))
    const { admission } = stages.services
    const judge = (lag: number): unknown => admission.judge({ lag, waiting: 0, memory: 0, heap: 0 })
    while (admission.share(KNOWN_CALLER) < 0.2) judge(101)
    const lost = [0, 0, 0]
    const round = async (): Promise<void> => {
      for (let turn = 0; turn < 60; turn++) {
        for (const [i, name] of ['gold', 'plain', 'trial'].entries()) {
          const { what } = await stages.decide({ target, headers: { 'x-api-key': `${name}-key` } })
          if (what === 'shedding') lost[i] = (lost[i] ?? 0) + 1
          else t.equal(what, 'permit')
        }
      }
    }
    await round()
    // In between: what is turned away stays as it is.
    judge(70)
    lost.fill(0)
    await round()
    return lost
  }
  const [gold = 0, plain = 0, trial = 0] = await away('', '/tiers')
  t.equal(gold, 0)
  t.equal(plain, 0, 'what there is to lose, the lowest tier has')
  t.ok(trial > 12, `${trial} of 60`)
  for (const [mode, target] of [
    ['', '/same'],
    [', mode: shadow', '/tiers']
  ] as const) {
    const lost = await away(mode, target)
    t.ok(Math.max(...lost) - Math.min(...lost) <= 2, `without tiers that count all lose alike: ${lost.join(' ')}`)
  }
})

t.test('IPv6 addresses of one network want together', async (t) => {
  const stages = await pipeline(t, YAML)
  load(stages, 1)
  const { admission } = stages.services
  for (let i = 0; i < 12; i++) admission.judge({ lag: 0, waiting: 0, memory: 0, heap: 0 })
  admission.judge({ lag: 500, waiting: 0, memory: 0, heap: 0 })
  const ask = async (from: string): Promise<string> => (await stages.decide({ target: '/open', peer: from })).what
  for (let i = 0; i < 100; i++) await ask(`2001:db8::${i.toString(16)}`)
  await ask('2001:db8:0:1::1')
  admission.judge({ lag: 70, waiting: 0, memory: 0, heap: 0 })
  t.equal(await ask('2001:db8:0:1::1'), 'permit')
  let away = 0
  for (let i = 0; i < 100; i++) if ((await ask(`2001:db8::1:${i.toString(16)}`)) !== 'permit') away++
  t.ok(away > 20, `${away}`)
})

t.test('what is under way is told as who it is of', async (t) => {
  const stages = await pipeline(t, YAML)
  const { admission } = stages.services
  const told: unknown[] = []
  admission.holds = (...args) => told.push(args)
  for (const described of [{ target: '/open' }, CALLER, { target: '/guests' }])
    countUnderWay((await stages.decide(described)).x)
  t.same(told, [
    [STRANGER, '192.0.2.1', 1],
    [KNOWN_CALLER, 'c4:acme', 1],
    [STRANGER, '192.0.2.1', 1]
  ])
})
