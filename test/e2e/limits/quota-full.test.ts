/** Who finds the table of quotas full is held to a sketch, and what was counted there is kept through a kill, too. */
import t from 'tap'
import { ask } from '../client.ts'
import { metric } from '../control.ts'
import { onDisk } from '../control-socket.ts'
import { freePort } from '../free-port.ts'
import { startGateway } from '../gateway.ts'
import { answersAt, kill } from '../process/killing.ts'
import { eventually } from '../visitors.ts'

const port = await freePort()
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:${port}" } ]
state: { dir: var }
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public }
    routes:
      - { name: open, match: { paths: ["/"] }, respond: { status: 200, body: "here" } }
      - name: daily
        match: { paths: ["/daily"] }
        policies: { limits: [ { name: day, quota: 20/day, by: "header:x-test" } ] }
        respond: { status: 200 }
`,
  // The least there may be: 128 slots for the quotas of strangers.
  { workers: 2, env: { GATEHOUSE_LIMIT_SLOTS: '1024' } }
)

const LATE = ['late-1', 'late-2', 'late-3']

/** One after the other: of two claims of a slot for one key at once, the one that loses may cost a unit. */
async function admitted(who: string, times: number): Promise<number> {
  let n = 0
  for (let i = 0; i < times; i++) {
    if ((await ask(port, '/daily', { headers: { 'x-test': who } })).status === 200) n++
  }
  return n
}
const fill = (): Promise<number> =>
  metric(gateway, 'gatehouse_limit_table_fill_ratio', { table: 'quota', half: 'strangers' })

t.test('a full table', async (t) => {
  for (let crowd = 0; (await fill()) < 1; crowd += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, i) => admitted(`crowd-${crowd + i}`, 1)))
  }
  for (const who of LATE) t.equal(await admitted(who, 15), 15, who)
})

t.test('after kill -9 who has no slot has what was left, and no quota anew', async (t) => {
  await onDisk(gateway.dir)
  await kill(gateway)
  await eventually(() => answersAt(port), 'it serves again')
  for (const who of LATE) t.equal(await admitted(who, 20), 5, who)
})
