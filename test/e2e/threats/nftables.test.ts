/** `blockAt: nftables`, on hosts of the test's own: what the kernel keeps out, whom it leaves alone, and for how long. */
import t from 'tap'
import type { StatusReport } from '../../../src/control/admin/report.ts'
import { control, metric } from '../control.ts'
import { spawnGateway } from '../gateway.ts'
import { noHosts } from '../netns.ts'
import { PATIENCE } from '../patience.ts'
import { SHORT, WalledHost, yaml } from './walled-host.ts'

t.test('bans in the kernel', { skip: noHosts() ?? false }, async (t) => {
  const host = await WalledHost.start(t)
  const { gateway, visit } = host

  await t.test('who scans is answered until banned, and then by nobody; its neighbours are served', async (t) => {
    for (let i = 0; i < 16; i++) t.equal(await visit('10.77.0.2', `/admin-${i}.php`), '404')
    await host.banned('10.77.0.2')
    const before = await host.dropped()
    t.equal(await visit('10.77.0.2', '/', SHORT), 'silence')
    t.ok((await host.dropped()) > before, 'the rule has counted its packets')
    t.equal(await visit('10.77.0.3'), '204')
    t.equal(await visit('10.77.0.2', '/metrics', PATIENCE, 9090), '200', 'other ports of the host are no matter of its')
    t.equal(await metric(gateway, 'gatehouse_kernel_bans'), 1)
    t.equal(await metric(gateway, 'gatehouse_kernel_ban_failures'), 0)
    const { firewall } = JSON.parse((await control(gateway, '/status')).body) as StatusReport
    t.same(firewall, { bans: 1, failures: 0, error: null })
  })

  await t.test('IPv6: the client’s network', async (t) => {
    t.equal(await visit('fd77:0:0:2::2', '/trap'), '403')
    await host.banned('fd77:0:0:2::')
    t.equal(await visit('fd77:0:0:2::2', '/', SHORT), 'silence')
    t.equal(await visit('fd77:0:0:3::2'), '204')
  })

  await t.test('a network, but for who is never banned; removed, it is open again', async (t) => {
    t.equal(await visit('10.77.0.4', '/trap'), '404')
    t.equal(await visit('10.77.0.4'), '204')
    await host.ban('10.77.0.0/29', '10m')
    await host.banned('10.77.0.0')
    t.equal(await visit('10.77.0.5', '/', SHORT), 'silence')
    t.equal(await visit('10.77.0.4'), '204', 'never')
    t.equal(await visit('10.77.0.8'), '204', 'outside')
    for (const who of ['10.77.0.0%2F29', '10.77.0.2'])
      t.equal((await control(gateway, `/bans/${who}`, 'DELETE')).status, 200)
    await host.served('10.77.0.5')
    t.equal(await visit('10.77.0.2'), '204', 'the address within it too')
  })

  await t.test('a ban ends in the kernel when its time is over', async (t) => {
    await host.ban('10.77.0.6', '4s')
    await host.banned('10.77.0.6')
    await host.served('10.77.0.6')
    t.notMatch(await host.table(), /10\.77\.0\.6 timeout/)
  })

  await t.test('without the right to: no start, and the reason', async (t) => {
    const without = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin']
    const other = spawnGateway(t, yaml.replaceAll(':8080', ':8081'), {
      workers: 1,
      under: [...host.hosts.server, ...without]
    })
    t.equal(await other.exited, 1)
    t.match(other.stderr, /threats\.blockAt: nftables: nft is not permitted to .*: the gateway needs CAP_NET_ADMIN/)
  })

  await t.test('stopped, it leaves nothing behind', async (t) => {
    t.equal(await gateway.stop(), 0)
    t.equal(await host.nft('list', 'ruleset'), '')
  })
})
