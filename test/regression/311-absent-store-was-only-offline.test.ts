/**
 * Asked while it has no connection, the library of Redis only says that it is offline, and that took the place of the
 * reason: the owner's line of a store that was away at the start named no error.
 */
import t from 'tap'
import { connect, reasonOf } from '../../src/cluster/redis.ts'
import type { ClusterPlan } from '../../src/plan/cluster.ts'
import { freePort } from '../e2e/free-port.ts'

t.test('who asks a store that is away is told why it is', async (t) => {
  const plan = {
    kind: 'single',
    addresses: [{ host: '127.0.0.1', port: await freePort() }],
    tls: null,
    username: '',
    password: '',
    database: 0
  } as unknown as ClusterPlan
  let heard: (reason: string) => void = () => {}
  const trouble = new Promise<string>((resolve) => (heard = resolve))
  const client = await connect(plan, (reason) => heard(reason))
  t.teardown(() => client.destroy())
  const ask = (): Promise<unknown> => client.run({ name: 'one', text: 'return 1', fits: () => true }, [], [])
  await t.rejects(ask(), /not reached yet|ECONNREFUSED/)
  t.match(await trouble, /ECONNREFUSED/)
  for (let i = 0; i < 3; i++) t.match(reasonOf(await ask().catch((error: unknown) => error)), /ECONNREFUSED/)
})
