import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { KeyUses } from '../../src/control/api-keys/uses.ts'
import { Observation } from '../../src/control/observation.ts'
import { Counters } from '../../src/memory/counters.ts'
import { Once } from '../../src/memory/once.ts'
import { allocateShared } from '../../src/memory/shared.ts'
import { emptyRecord } from '../../src/observe/record.ts'
import { RecordWriter } from '../../src/observe/record-writer.ts'
import type { Plan } from '../../src/plan/plan.ts'

t.test('records of one outcome: each counted and written, with the labels of the plan that serves', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-observation-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const path = join(dir, 'access.log')
  const plan = (team: string): Plan =>
    ({
      log: { access: { kind: 'file', path }, level: 'info' },
      routes: [{ name: 'orders.read', labels: { team } }],
      certificates: []
    }) as unknown as Plan
  const memory = allocateShared({ workers: 1, limitSlots: 1 << 10, ringBytes: 1 << 16 })
  const observation = new Observation(memory, 1, {
    linesLost: (error) => t.fail(error.message),
    issuers: () => [],
    firewall: () => null,
    explainBytes: 1 << 16,
    keyUses: new KeyUses(),
    crowdsec: () => null
  })
  observation.prepare(plan('a')).commit()
  observation.use(plan('a'))
  const writer = new RecordWriter(memory, 0, new Counters(memory, 0))
  const record = { ...emptyRecord(), route: 'orders.read', status: 200, bytesOut: 5, duration: 1000 }
  writer.write({ ...record, id: 'first' })
  observation.catchUp()
  // The outcome was told before: only its labels are others now.
  observation.use(plan('b'))
  writer.write({ ...record, id: 'second' })
  const text = await observation.exposition()
  t.match(text, /requests_total\{route="orders\.read",.*,team="b"\} 2\n/)
  t.match(text, 'gatehouse_response_bytes_total{route="orders.read",team="b"} 10')
  t.match(text, 'gatehouse_request_duration_seconds_bucket{le="+Inf",route="orders.read",team="b"} 2')
  t.match(text, 'gatehouse_request_duration_seconds_count{route="orders.read",team="b"} 2')
  t.notMatch(text, 'team="a"')
  t.match(observation.horizon(), 'the last 2 are')
  t.match(text, 'gatehouse_limit_table_fill_ratio{table="proofs",half="callers"} 0')
  new Once(memory, 'proof', 60_000).use('a')
  t.equal(observation.limitTables().find(({ table }) => table === 'proofs')?.fill, 1 / memory.onceSlots)
  await observation.close()
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  t.same(
    lines.map((line) => {
      const { id, labels } = JSON.parse(line) as Record<string, unknown>
      return [id, labels]
    }),
    [
      ['first', { team: 'a' }],
      ['second', { team: 'b' }]
    ]
  )
})
