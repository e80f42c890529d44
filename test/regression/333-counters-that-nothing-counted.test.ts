/**
 * Four metrics said 0 for ever, whatever happened: tokens not found in the cache of verified ones, tokens that had to
 * make room there, connections opened to upstreams, exchanges tried again on another one. Nothing counted them.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { COUNTER, COUNTER_NAMES, CounterReader } from '../../src/memory/counters.ts'
import { allocateShared } from '../../src/memory/shared.ts'
import { SameThreadSignatures } from '../../src/pipeline/same-thread-signatures.ts'
import { WorkerServices } from '../../src/pipeline/services.ts'
import { VerifyCache } from '../../src/identity/verify-cache.ts'
import { readEnv } from '../../src/env.ts'
import { jwtPlan } from '../identity/kit.ts'
import { exchange, plan } from '../upstream/recorder.ts'
import { scripted } from '../upstream/scripted.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

function worker() {
  const memory = allocateShared({ workers: 1, limitSlots: 4096, ringBytes: 1 << 16 })
  const events = { unknownKid: () => {} }
  const signatures = new SameThreadSignatures()
  const services = new WorkerServices({ memory, index: 0, env: readEnv({}).env, events, signatures })
  t.teardown(() => services.close())
  const counters = new CounterReader(memory)
  const total = (name: keyof typeof COUNTER): number => {
    counters.update()
    return counters.total(COUNTER[name])
  }
  return { services, total }
}

t.test('connections to upstreams, and what goes out over another one', async (t) => {
  const { services, total } = worker()
  const upstream = await scripted(t, async (peer, nth) => {
    await peer.head()
    peer.send(OK)
    await peer.head()
    if (nth === 0) return peer.reset()
    peer.send(OK)
  })
  const transport = services.transport(plan([upstream]))
  t.same([total('upstreamConnects'), total('upstreamRetries')], [0, 0])
  t.equal((await exchange(transport)).body, 'ok')
  t.same([total('upstreamConnects'), total('upstreamRetries')], [1, 0])
  t.equal((await exchange(transport)).body, 'ok', 'the first connection dies of it, a second answers')
  t.same([total('upstreamConnects'), total('upstreamRetries')], [2, 1])
})

t.test('tokens that are not in the cache', async (t) => {
  const { services, total } = worker()
  for (const token of ['one', 'two', 'two']) t.notOk((await services.tokens.verify(token, jwtPlan(), '::1', 0)).ok)
  services.write()
  t.same([total('verifyCacheHits'), total('verifyCacheMisses')], [0, 3])
})

t.test('tokens that make room for others', async (t) => {
  const cache = new VerifyCache<number>(100)
  for (let i = 0; i < 5; i++) cache.set(`token ${i}`, i, `owner ${i}`, 30)
  t.same([cache.size, cache.evicted], [3, 2])
  cache.delete('token 4')
  cache.set('token 3', 3, 'owner 3', 30)
  t.equal(cache.evicted, 2, 'what is deleted or replaced makes no room for another')
})

t.test('there is no counter that nothing counts', async (t) => {
  const root = join(import.meta.dirname, '../../src')
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(root, file), 'utf8'))
  t.same(
    COUNTER_NAMES.filter((name) => !sources.some((text) => new RegExp(`COUNTER\\.${name}\\b`).test(text))),
    []
  )
})
