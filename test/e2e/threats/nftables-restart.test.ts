/** Bans in the kernel when the gateway is killed, is reloaded, or isn't obeyed. */
import t from 'tap'
import type { StatusReport } from '../../../src/control/admin/report.ts'
import { control, metric } from '../control.ts'
import { noHosts } from '../netns.ts'
import { eventually } from '../visitors.ts'
import { SHORT, WalledHost, yaml } from './walled-host.ts'

t.test('bans in the kernel', { skip: noHosts() ?? false }, async (t) => {
  const host = await WalledHost.start(t)
  const { gateway, visit } = host

  await t.test('killed: after the restart they are those that hold, and no others', async (t) => {
    t.equal(await visit('10.77.0.7', '/trap'), '403')
    await host.banned('10.77.0.7')
    await eventually(
      async () => (JSON.parse((await control(gateway, '/status')).body) as StatusReport).store?.pending === 0,
      'the ban is on disk'
    )
    await host.nft('add element inet gatehouse banned4_32 { 10.77.0.9 timeout 1h }')
    const from = gateway.stderr.length
    process.kill(await gateway.gatewayPid(), 'SIGKILL')
    t.match(await host.table(), /10\.77\.0\.7 timeout/, 'without a gateway they go on')
    await gateway.said(/ready: http/, from)
    const after = await host.table()
    t.match(after, /10\.77\.0\.7 timeout/)
    t.notMatch(after, /10\.77\.0\.9/)
    t.equal(await visit('10.77.0.7', '/', SHORT), 'silence')
    t.equal(await visit('10.77.0.9'), '204')
  })

  await t.test('a change that fails is told and made good, and meanwhile the gateway refuses', async (t) => {
    await host.nft('flush', 'ruleset')
    t.equal(await visit('10.77.0.7'), '403')
    t.equal(await visit('10.77.0.9', '/trap'), '403')
    await gateway.said(/bans are not in the kernel: the gateway goes on refusing/)
    await gateway.said(/bans are in the kernel again/)
    await host.banned('10.77.0.7')
    await host.banned('10.77.0.9')
    t.equal(await metric(gateway, 'gatehouse_kernel_ban_failures'), 1)
  })

  await t.test('reloaded: in shadow nobody is kept out; back at the gateway there is no table', async (t) => {
    const reload = async (text: string): Promise<void> => {
      gateway.writeConfig(text)
      const { body } = await control(gateway, '/reload', 'POST')
      if (!['applied', 'unchanged'].includes((JSON.parse(body) as { outcome: string }).outcome)) throw new Error(body)
    }
    await reload(yaml.replace('never:', 'mode: shadow, never:'))
    await host.served('10.77.0.7')
    await reload(yaml.replace('nftables', 'gateway'))
    await eventually(async () => (await host.table()) === '', 'no table')
    t.equal(await visit('10.77.0.7'), '403')
    await reload(yaml)
    await host.banned('10.77.0.7')
  })
})
