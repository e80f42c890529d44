/** A client's requests are spread over the workers; what a ban shows of them is put together from all. */
import t from 'tap'
import type { BanEntry } from '../../../src/control/bans/book.ts'
import { ask } from '../client.ts'
import { control } from '../control.ts'
import { status } from '../control-socket.ts'
import { startGateway } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'
import { eventually, pause } from '../visitors.ts'

const FROM = '127.0.1.1'
const WORKERS = 4
/** Of the built-in `scanner`: the sixteenth path within a minute bans, and eight are shown. */
const TRIES = 16
const SHOWN = 8

const upstream = await startUpstream(t)
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
threats: { mode: enforce }
services: [ { name: s, url: ${upstream.url}, policies: { auth: public }, routes: [ { name: r, match: { paths: ["/site"] } } ] } ]
`,
  { workers: WORKERS }
)

async function evidence(): Promise<BanEntry['evidence']> {
  const { bans } = JSON.parse((await control(gateway, '/bans')).body) as { bans: BanEntry[] }
  return bans.find(({ who }) => who === FROM)?.evidence ?? []
}

t.test('the last eight requests that counted are shown, whichever worker they came to', async (t) => {
  // Each is a connection of its own, and connections go round the workers. Of two in one millisecond nobody can say
  // which was later.
  for (let i = 0, last = 0; i < TRIES; i++) {
    while (Date.now() === last) await pause(1)
    t.equal((await ask(gateway.port, `/nothing-${i}`, { from: FROM })).status, 404)
    last = Date.now()
  }
  const last = Array.from({ length: SHOWN }, (_, i) => `/nothing-${TRIES - SHOWN + i}`)
  const shown = await eventually(async () => {
    const found = await evidence()
    return found.map(({ path }) => path).join() === last.join() ? found : null
  }, 'the last eight are shown, oldest first')
  const lines = await Promise.all(shown.map((one) => gateway.line(({ id }) => id === one.id)))
  t.equal(new Set(lines.map(({ worker }) => worker)).size, WORKERS, 'no worker saw more than a part')
  t.match(await gateway.said(/[^\n]*127\.0\.1\.1 is banned: scanner[^\n]*/), /GET \/nothing-15 404/)
})

t.test('kill -9: they are shown after the restart, too', async (t) => {
  const before = await evidence()
  await eventually(async () => (await status(gateway.dir)).store?.pending === 0, 'the ban is on the disk')
  const said = gateway.stderr.length
  process.kill(await gateway.gatewayPid(), 'SIGKILL')
  await gateway.said(/ready: /, said)
  t.equal(before.length, SHOWN)
  t.same(await evidence(), before)
})
