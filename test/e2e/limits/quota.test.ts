/** Quotas: told, exact over the workers, and kept over a stop, a start and a kill. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ask, type Reply } from '../client.ts'
import { onDisk } from '../control-socket.ts'
import { freePort } from '../free-port.ts'
import { startGateway, type Gateway } from '../gateway.ts'
import { answersAt, kill } from '../process/killing.ts'
import { startUpstream } from '../upstream.ts'
import { eventually } from '../visitors.ts'

const upstream = await startUpstream(t, (request, response) => {
  request.resume()
  response.end('ok')
})
const port = await freePort()
const state = mkdtempSync(join(tmpdir(), 'gatehouse-state-'))
t.teardown(() => rmSync(state, { recursive: true, force: true }))
const yaml = `version: 1
listen: [ { address: "127.0.0.1:${port}" } ]
state: { dir: ${state}/var }
services:
  - name: s
    url: ${upstream.url}
    policies: { auth: public }
    routes:
      - { name: open, match: { paths: ["/"] } }
      - { name: daily, match: { paths: ["/daily"] }, policies: { limits: [ { name: day, quota: 20/day, by: "header:x-test" } ] } }
      - { name: monthly, match: { paths: ["/monthly"] }, policies: { limits: [ { name: month, quota: 20/month, cost: 3, by: "header:x-test" } ] } }
`
const get = (path: string, who: string): Promise<Reply> => ask(port, path, { headers: { 'x-test': who } })
async function admitted(path: string, who: string, times: number): Promise<number> {
  const all = await Promise.all(Array.from({ length: times }, () => get(path, who)))
  return all.filter(({ status }) => status === 200).length
}

const start = (workers: number): Promise<Gateway> => startGateway(t, yaml, { workers })
let gateway = await start(4)

t.test('exact, and told with the length of the period and the time to its end', async (t) => {
  t.equal(await admitted('/daily', 'a', 40), 20)
  const over = await get('/daily', 'a')
  t.equal(over.status, 429)
  t.equal(over.headers['ratelimit-policy'], '"day";q=20;w=86400')
  const left = Math.ceil((86_400_000 - (Date.now() % 86_400_000)) / 1000)
  const wait = Number(over.headers['retry-after'])
  t.ok(Math.abs(wait - left) <= 10, `${wait} s of ${left}`)
  t.match(over.headers['ratelimit'], `"day";r=0;t=${wait}`)
  t.equal(await admitted('/monthly', 'a', 40), 6, 'three units each')
  t.match((await get('/monthly', 'a')).headers['ratelimit'], /^"month";r=2;t=\d+$/)
})

t.test('kept when the gateway is stopped at once and started again', async (t) => {
  await admitted('/daily', 'b', 7)
  t.equal(await gateway.stop(), 0)
  gateway = await start(2)
  t.equal(await admitted('/daily', 'b', 40), 13)
  t.equal(await admitted('/daily', 'a', 5), 0)
  t.equal(await admitted('/daily', 'c', 5), 5, 'who was never seen has all')
})

t.test('kept through kill -9, but for the last second', async (t) => {
  await admitted('/daily', 'd', 9)
  await onDisk(state)
  await admitted('/daily', 'd', 2)
  await kill(gateway)
  await eventually(() => answersAt(port), 'it serves again')
  const more = await admitted('/daily', 'd', 40)
  t.ok(more >= 9 && more <= 11, `${more} more`)
  t.equal(await admitted('/daily', 'b', 5), 0)
})
