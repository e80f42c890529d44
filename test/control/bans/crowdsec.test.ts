/** CrowdSec's stream over a socket, from a peer that misbehaves; the real one is in test/e2e/threats/crowdsec.test.ts. */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { BanBook } from '../../../src/control/bans/book.ts'
import { Crowdsec } from '../../../src/control/bans/crowdsec.ts'
import { allocateShared } from '../../../src/memory/shared.ts'
import { BanTable, ENFORCED } from '../../../src/memory/ban-table.ts'
import type { Log } from '../../../src/observe/log.ts'
import type { ThreatsPlan } from '../../../src/plan/threats.ts'
import { fetchDocument } from '../../../src/upstream/undici.ts'
import { parseIp } from '../../../src/ip.ts'
import { eventually } from '../../e2e/visitors.ts'

const decision = (value: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  duration: '1h',
  id: 1,
  origin: 'lists',
  scenario: 'bad',
  scope: value.includes('/') ? 'Range' : 'Ip',
  type: 'ban',
  value,
  ...more
})
const answer = (made: unknown[] | null, deleted: unknown[] | null = null): string =>
  JSON.stringify({ new: made, deleted })

type Fault = [status: number, body: string] | 'hangs up'

async function bench(t: Test, most = 1000) {
  const memory = allocateShared({ workers: 1, limitSlots: 1024, ringBytes: 1 << 16 })
  const said: string[] = []
  const say = (text: string): number => said.push(text)
  const log = (): Log => ({ error: say, warn: say, info: say, debug: say }) as unknown as Log
  const clock = { now: Date.now() }
  const bans = new BanBook(memory, log, () => clock.now)
  t.teardown(() => bans.close())
  bans.use({ never: ['10.0.0.0/8'] } as unknown as ThreatsPlan)
  // `fault`, while there is one, is all that the peer says: a status and a body, or nothing before it hangs up.
  const peer = { whole: answer(null), news: answer(null), fault: null as Fault | null, asked: [] as string[] }
  const server = http.createServer((request, response) => {
    const whole = request.url?.endsWith('startup=true') ?? false
    t.match(request.headers['user-agent'], /^gatehouse\/\d+\.\d+\.\d+$/)
    peer.asked.push(`${whole ? 'whole' : 'news'} ${String(request.headers['x-api-key'])}`)
    if (peer.fault === 'hangs up') return request.socket.destroy()
    const [status, body] = peer.fault ?? [200, whole ? peer.whole : peer.news]
    return response.writeHead(status).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const crowdsec = new Crowdsec({ fetch: fetchDocument, bans, log, most, clock: () => clock.now })
  t.teardown(() => crowdsec.close())
  const plan = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, key: 'k', interval: 5 }
  const table = new BanTable(memory)
  const isBanned = (address: string): boolean =>
    table.find(ENFORCED, parseIp(address) ?? new Uint8Array(0), Math.floor(clock.now / 1000), { until: 0, info: 0 })
  const asked = async (pattern: RegExp, more = 2): Promise<void> => {
    peer.asked.length = 0
    await eventually(() => peer.asked.filter((one) => pattern.test(one)).length >= more, `asked ${pattern}`)
  }
  const holds = (address: string, what = true): Promise<unknown> =>
    eventually(() => isBanned(address) === what, `${address} ${what ? 'banned' : 'free'}`)
  return { bans, clock, crowdsec, plan, peer, said, isBanned, holds, asked }
}

t.test('the whole, then the news, and what is over is free', async (t) => {
  const { bans, crowdsec, plan, peer, holds, isBanned, asked } = await bench(t)
  peer.whole = answer([decision('192.0.2.1'), decision('198.51.100.0/24')])
  crowdsec.use(plan)
  await holds('192.0.2.1')
  await holds('198.51.100.77')
  t.equal(peer.asked[0], 'whole k')
  await asked(/news k/)
  t.match(bans.list(), [
    { who: '198.51.100.0/24', scenario: 'crowdsec', reason: 'CrowdSec (lists): bad', mode: 'enforce' },
    { who: '192.0.2.1' }
  ])
  t.match(crowdsec.report(), { decisions: 2, ignored: 0, failures: 0, error: null })
  peer.news = answer([decision('192.0.2.9'), decision('192.0.2.8', { type: 'captcha' })])
  await holds('192.0.2.9')
  t.notOk(isBanned('192.0.2.8'))
  peer.whole = answer([decision('192.0.2.1'), decision('192.0.2.9')])
  peer.news = answer(null, [decision('198.51.100.0/24', { duration: '-1s' })])
  await holds('198.51.100.77', false)
  t.ok(isBanned('192.0.2.1'))
})

t.test('said to be over, and held by another decision: banned still', async (t) => {
  const { crowdsec, plan, peer, holds, isBanned, asked } = await bench(t)
  peer.whole = answer([decision('192.0.2.1')])
  crowdsec.use(plan)
  await holds('192.0.2.1')
  peer.news = answer(null, [decision('192.0.2.1', { id: 7 })])
  await asked(/whole/)
  peer.news = answer(null)
  await asked(/news/)
  t.ok(isBanned('192.0.2.1'))
})

t.test(
  'away, or talking nonsense: what is held stays, its age shows, and the whole is asked for afterwards',
  async (t) => {
    const { clock, crowdsec, plan, peer, said, holds, isBanned, asked } = await bench(t)
    peer.whole = answer([decision('192.0.2.1')])
    crowdsec.use(plan)
    await holds('192.0.2.1')
    for (const [fault, error] of [
      ['hangs up', /closed|reset|hang up/],
      [[500, 'oh'], /answered 500/],
      [[403, '{"message":"access forbidden"}'], /cscli bouncers add/],
      [[200, '<html>'], /no stream of decisions/],
      [[200, '{"new":7}'], /no stream of decisions/]
    ] as [Fault, RegExp][]) {
      peer.fault = fault
      await asked(/whole/)
      t.match(crowdsec.report()?.error, error)
      t.ok(isBanned('192.0.2.1'))
    }
    t.equal(said.filter((one) => /does not answer/.test(one)).length, 1, 'said once')
    clock.now += 60_000
    t.ok((crowdsec.report()?.age ?? 0) >= 60_000)
    peer.whole = answer([])
    peer.fault = null
    await holds('192.0.2.1', false)
    t.ok(said.includes('CrowdSec answers again'))
    t.equal(crowdsec.report()?.error, null)
  }
)

t.test('bounded, and not for who is never banned', async (t) => {
  const { crowdsec, plan, peer, said, holds, isBanned } = await bench(t, 2)
  peer.whole = answer(['10.0.0.1', '192.0.2.1', '192.0.2.2', '192.0.2.3'].map((one) => decision(one)))
  crowdsec.use(plan)
  await holds('192.0.2.2')
  t.ok(isBanned('192.0.2.1'))
  t.notOk(isBanned('192.0.2.3'))
  t.notOk(isBanned('10.0.0.1'))
  t.equal(crowdsec.report()?.decisions, 2)
  t.ok(said.some((one) => one.includes('more than 2')))
})

t.test('an owner’s ban, and a longer one, stay as they are', async (t) => {
  const { bans, crowdsec, plan, peer, holds } = await bench(t)
  bans.add({ address: '192.0.2.1', time: 60_000, reason: 'mine' })
  peer.whole = answer([decision('192.0.2.1'), decision('192.0.2.2')])
  crowdsec.use(plan)
  await holds('192.0.2.2')
  t.match(
    bans.list().find(({ who }) => who === '192.0.2.1'),
    { scenario: 'added', reason: 'mine' }
  )
  crowdsec.use(null)
  await holds('192.0.2.2', false)
  await holds('192.0.2.1')
  t.equal(crowdsec.report(), null)
})
