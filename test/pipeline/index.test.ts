import t from 'tap'
import { Permit } from '../../src/pipeline/authorize.ts'
import { run, STAGES } from '../../src/pipeline/index.ts'
import { CONTINUE, type Stage } from '../../src/pipeline/verdict.ts'
import { refuse } from '../../src/problems.ts'
import { pipeline } from './kit.ts'

const YAML = `version: 1
listen: [ { address: "127.0.0.1:0" } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public }
    routes: [ { name: r, match: { paths: ["/*"] } } ]
`

/** Stands in for a stage while `work` runs. */
async function instead(name: string, stage: Stage['run'], work: () => Promise<void>): Promise<void> {
  const at = STAGES.findIndex((one) => one.name === name)
  const before = STAGES[at]
  if (before === undefined) throw new Error(`no stage ${name}`)
  STAGES[at] = { name, run: stage }
  try {
    await work()
  } finally {
    STAGES[at] = before
  }
}

t.test('the order is the documented one', async (t) => {
  t.equal(
    STAGES.map(({ name }) => name).join(' '),
    'framing client client-certificate redirect ready bans wall honeypots route ip admission limits preflight auth revocation caller-ip caller-admission caller-bans external authorize caller-limits digest validate authorize-body respond'
  )
})

t.test('a request that nothing waits for is decided in one turn', async (t) => {
  const stages = await pipeline(t, YAML)
  t.ok(run(stages.arrive({})) instanceof Permit)
})

t.test('a stage that waits; what follows it runs once, in order', async (t) => {
  const stages = await pipeline(t, YAML)
  const seen: string[] = []
  await instead(
    'auth',
    () => Promise.resolve(CONTINUE),
    async () => {
      await instead(
        'validate',
        () => (seen.push('validate'), CONTINUE),
        async () => {
          t.ok((await run(stages.arrive({}))) instanceof Permit)
        }
      )
    }
  )
  t.strictSame(seen, ['validate'])
})

t.test('a refusal ends it, at once or after a wait', async (t) => {
  const stages = await pipeline(t, YAML)
  const refusal = refuse('not-allowed', 'test', 'for the test')
  for (const verdict of [refusal, Promise.resolve(refusal)]) {
    await instead(
      'ip',
      () => verdict,
      async () => {
        await instead(
          'auth',
          () => t.fail('went on') as never,
          async () => {
            t.equal(await run(stages.arrive({})), refusal)
          }
        )
      }
    )
  }
})

t.test('an exception in any stage is the caller’s to handle, and gives no permit', async (t) => {
  const stages = await pipeline(t, YAML)
  for (const { name } of STAGES.filter((stage) => stage.name !== 'respond')) {
    for (const failing of [
      () => {
        throw new Error(`in ${name}`)
      },
      () => Promise.reject(new Error(`in ${name}`))
    ]) {
      await instead(name, failing, async () => {
        await t.rejects(async () => run(stages.arrive({})), new Error(`in ${name}`))
      })
    }
  }
})

t.test('there is no way to an upstream but the authorize stage’s permit', async (t) => {
  const stages = await pipeline(t, YAML)
  await instead(
    'authorize',
    () => CONTINUE,
    async () => {
      t.throws(() => run(stages.arrive({})), /without a permit/)
    }
  )
  const [route] = stages.tables.routes
  t.throws(() => Reflect.construct(Permit, [Symbol('authorize'), route]), /authorize stage alone/)
  t.throws(() => Reflect.construct(Permit, [undefined, route]), /authorize stage alone/)
})
