import t from 'tap'
import { readdirSync, readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { VerifyPool } from '../../src/identity/pool.ts'
import { EC_KEY, otherEc, token, verificationKey } from './kit.ts'
import type { VerifyRequest } from '../../src/identity/pool.ts'

const OTHER = verificationKey(otherEc.publicKey, { kid: 'e2', algorithms: ['ES256'] })

function request(sub: string, keys = [EC_KEY]): VerifyRequest {
  return { alg: 'ES256', token: token({ sub }), keys }
}

t.test('says which key signed, or that none did', async (t) => {
  const pool = new VerifyPool({ threads: 1 })
  t.teardown(() => pool.close())
  await pool.ready()
  const [header, , signature] = token({ sub: 'a' }).split('.')
  const forged = { ...request('a'), token: `${header}.${token({ sub: 'b' }).split('.')[1]}.${signature}` }
  const answers = await Promise.all([
    pool.verify(request('a')),
    pool.verify(request('b', [OTHER, EC_KEY])),
    pool.verify(request('c', [OTHER])),
    pool.verify(forged),
    pool.verify({ ...request('d'), alg: 'RS256' }),
    pool.verify({ ...request('e'), keys: [{ ...EC_KEY, id: 'broken', material: new Uint8Array(9) }] })
  ])
  t.strictSame(
    answers.map((answer) => (answer instanceof Error ? answer.message : (answer?.kid ?? null))),
    ['e1', 'e1', null, null, null, null]
  )
})

t.test('a key that comes under the id of another is not mistaken for it', async (t) => {
  const pool = new VerifyPool({ threads: 1 })
  t.teardown(() => pool.close())
  t.equal(await pool.verify(request('a')), EC_KEY)
  t.equal(await pool.verify(request('a', [{ ...OTHER, id: EC_KEY.id }])), null)
})

t.test('what one tick brings is one task; what comes while threads are busy waits for the next', async (t) => {
  const pool = new VerifyPool({ threads: 1 })
  t.teardown(() => pool.close())
  await pool.ready()
  await Promise.all(Array.from({ length: 40 }, (_, i) => pool.verify(request(`u${i}`))))
  t.equal(pool.tasks, 1)
  t.equal(pool.verified, 40)
  await Promise.all(Array.from({ length: 65 }, (_, i) => pool.verify(request(`v${i}`))))
  t.equal(pool.tasks, 3, 'a task is 64 at most')
})

t.test('closing answers what waits, and what comes after', async (t) => {
  const pool = new VerifyPool({ threads: 1 })
  const waiting = pool.verify(request('a'))
  await pool.close()
  t.match(await waiting, Error)
  t.match(await pool.verify(request('b')), Error)
})

t.test('a thread that fails is an error, not a verdict, and the next task is served', async (t) => {
  const pool = new VerifyPool({ threads: 1, file: new URL('./failing-thread.ts', import.meta.url) })
  t.teardown(() => pool.close())
  const first = await pool.verify(request('throw'))
  t.match(first, { message: /thrown in the thread/ })
  t.match(await pool.verify(request('exit')), Error)
  t.equal(await pool.verify(request('fine')), EC_KEY)
})

t.test('threads are there before the first token, and run below the others', { skip: skipPriority() }, async (t) => {
  const before = nices()
  const main = niceOf(process.pid)
  const pool = new VerifyPool({ threads: 2 })
  t.teardown(() => pool.close())
  await pool.ready()
  const lowered = nices().filter((nice) => nice === 10).length - before.filter((nice) => nice === 10).length
  t.ok(lowered >= 1, `${lowered} threads lowered`)
  t.equal(niceOf(process.pid), main, 'the main thread kept its own')
})

t.test('a worker thread that closes its pool exits by itself; one that does not is ended all the same', async (t) => {
  for (const close of [true, false]) {
    const worker = new Worker(new URL('./pool-in-worker.ts', import.meta.url), { workerData: { close } })
    const messages: unknown[] = []
    worker.on('message', (message) => messages.push(message))
    const code = await new Promise((resolve) => worker.on('exit', resolve))
    t.strictSame(messages, ['e1'], close ? 'closed' : 'left open')
    t.equal(code, 0)
  }
})

/** The nice value of each thread of this process, in no order. */
function nices(): number[] {
  return readdirSync('/proc/self/task').map((tid) => niceOf(Number(tid)))
}

/** proc(5): field 19 of stat. */
function niceOf(tid: number): number {
  const fields = readFileSync(`/proc/self/task/${tid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return Number(fields[16])
}

function skipPriority(): string | false {
  return process.platform === 'linux' ? false : 'thread priorities are read from /proc'
}
