/** Three crashes on a new configuration bring back the last that ran well: takes half a minute, so it is a proof. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { compilePlan } from '../../src/control/compile/index.ts'
import { loadConfig } from '../../src/control/config/load.ts'
import { saveLastGood } from '../../src/control/last-good.ts'
import { packConsumers } from '../../src/plan/packed-consumers.ts'
import { gatehouse } from '../e2e/command.ts'
import { freePort } from '../e2e/free-port.ts'
import { startGateway } from '../e2e/gateway.ts'
import { answersAt, at, kill, killed } from '../e2e/process/killing.ts'
import { configuration } from '../e2e/reload/configuration.ts'
import { eventually } from '../e2e/visitors.ts'

void t.test('crashes on a new configuration bring back the last that ran well', { timeout: 60_000 }, async (t) => {
  const port = await freePort()
  const gateway = await startGateway(t, configuration({ listen: at(port), body: 'good' }))
  // What ten seconds of serving would leave.
  const stateDir = join(gateway.dir, 'var')
  mkdirSync(stateDir, { recursive: true })
  const { loaded } = loadConfig(gateway.config, { name: 'gatehouse.yaml' })
  if (loaded === null) throw new Error('the configuration is good')
  const { plan } = compilePlan(loaded, { generation: 1, stateDir, writeFiles: false })
  if (plan === null) throw new Error('the configuration is good')
  saveLastGood(stateDir, { plan: { ...plan, consumers: packConsumers(plan.consumers) }, files: [] })

  gateway.writeConfig(configuration({ listen: at(port), body: 'new' }))
  t.equal((await gatehouse('reload', gateway.config)).code, 0)
  t.equal(await answersAt(port), 'new')
  await killed(gateway, port)
  t.equal(await answersAt(port), 'new', 'one crash says nothing about the configuration')
  await kill(gateway)
  await killed(gateway, port)
  t.equal(await answersAt(port), 'good', 'three in ten seconds do')
  await gateway.said(/starting it on the last configuration that ran well/)

  gateway.writeConfig(configuration({ listen: at(port), body: 'mended' }))
  await eventually(async () => (await answersAt(port)) === 'mended', 'the mended file is taken', 15_000)

  gateway.writeConfig('version: nonsense')
  await gateway.said(/reload by a changed file refused/)
  t.equal(await answersAt(port), 'mended')
  await killed(gateway, port)
  t.equal(await answersAt(port), 'good', 'a crash while the file is broken')
})
