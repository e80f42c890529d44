/** A reload that a worker refused had switched the access log to its file by then: half of it applied. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { KeyUses } from '../../src/control/api-keys/uses.ts'
import { Observation } from '../../src/control/observation.ts'
import { emptyRecord } from '../../src/observe/record.ts'
import { RecordWriter } from '../../src/observe/record-writer.ts'
import { Counters } from '../../src/memory/counters.ts'
import { allocateShared } from '../../src/memory/shared.ts'
import type { Plan } from '../../src/plan/plan.ts'
import { readFileSync } from 'node:fs'

void t.test('lines go where the plan that serves says', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-log-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const to = (name: string): Plan =>
    ({
      log: { access: { kind: 'file', path: join(dir, name) }, level: 'info' },
      routes: [],
      certificates: []
    }) as unknown as Plan
  const memory = allocateShared({ workers: 1, limitSlots: 1 << 10, ringBytes: 1 << 16 })
  const observation = new Observation(memory, 1, {
    linesLost: (error) => t.fail(error.message),
    issuers: () => [],
    firewall: () => null,
    explainBytes: 0,
    keyUses: new KeyUses(),
    crowdsec: () => null
  })
  const served = to('served')
  observation.prepare(served).commit()
  observation.use(served)
  observation.prepare(to('refused')).cancel()
  const writer = new RecordWriter(memory, 0, new Counters(memory, 0))
  writer.write({ ...emptyRecord(), id: 'the-one-request' })
  await observation.close()
  t.match(readFileSync(join(dir, 'served'), 'utf8'), 'the-one-request')
  t.equal(existsSync(join(dir, 'refused')) ? readFileSync(join(dir, 'refused'), 'utf8') : '', '')
})
