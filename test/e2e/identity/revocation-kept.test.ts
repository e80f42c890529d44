/** Revocations that outlast something: those of the configuration, and those made before a kill -9. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { StatusReport } from '../../../src/control/admin/report.ts'
import { ask } from '../client.ts'
import { gatehouse } from '../command.ts'
import { control } from '../control.ts'
import { kill } from '../process/killing.ts'
import { eventually } from '../visitors.ts'
import { fresh, Revoking } from './revoking.ts'

const revoking = await Revoking.start(t, [fileURLToPath(new URL('../process/faults.ts', import.meta.url))])
const { gateway, port } = revoking

t.test('those of the configuration: read with it, gone with it, and a bad file changes nothing', async (t) => {
  const grace = fresh({ sub: 'grace' })
  const file = join(gateway.dir, 'revoked.yaml')
  const entry = (until: string): string => `- { issuer: corp, subject: grace, until: ${until}, reason: left }\n`
  t.same(await revoking.everywhere(grace), [200])
  writeFileSync(file, entry('2099-01-01'))
  revoking.configure('revocations: { file: revoked.yaml }\n')
  await eventually(async () => (await ask(port, '/x', { headers: grace })).status === 401, 'it is read')
  t.same(await revoking.everywhere(grace), [401])
  const line = await gateway.line((each) => each['policy'] === 'revocation' && each['subject'] === 'grace')
  t.match(line['where'], /revoked\.yaml:1:3$/)
  const id = String(line['rule'])
  t.match(JSON.parse((await control(gateway, '/revocations')).body), {
    revocations: [
      { id, issuer: 'corp', subject: 'grace', reason: 'left', origin: 'configuration', where: /revoked\.yaml:1:3$/ }
    ]
  })
  const refused = await control(gateway, `/revocations/${id}`, 'DELETE')
  t.equal(refused.status, 409)
  t.match(refused.body, /stands in the configuration: remove it there, .*revoked\.yaml:1:3/)

  await t.test('made at run time as well, taking it back says that it still holds', async (t) => {
    t.equal((await revoking.revoke({ issuer: 'corp', subject: 'grace' })).id, id)
    const answer = await gatehouse('revocations', 'remove', id, '--config', gateway.config)
    t.match(answer, { code: 0, stderr: /it still holds: the configuration says the same, .*revoked\.yaml:1:3/ })
    t.same(await revoking.everywhere(grace), [401])
  })

  const from = gateway.stderr.length
  writeFileSync(file, entry('never'))
  await gateway.said(/revoked\.yaml:1:42[^\n]*expected a time such as/, from)
  t.same(await revoking.everywhere(grace), [401], 'what served goes on')
  writeFileSync(file, `- { jti: nobody, until: 2099-01-01 }\n`)
  await eventually(async () => (await ask(port, '/x', { headers: grace })).status === 200, 'it is gone')
  t.same(await revoking.everywhere(grace), [200])
  t.match(JSON.parse((await control(gateway, '/status')).body) as StatusReport, {
    revocations: { configuration: 1, runtime: 0 },
    store: { state: 'ok' }
  })
})

t.test('a worker that replaces another holds them before it serves', async (t) => {
  const made = await revoking.revoke({ consumer: 'acme' })
  await ask(port, '/x', { headers: { 'x-fault': 'timer' } }).catch(() => {})
  await gateway.said(/worker \d failed and is replaced/)
  const seen = new Set<number>()
  await eventually(async () => {
    for (let i = 0; i < 4; i++) seen.add((await ask(port, '/x', { headers: { 'x-api-key': 'acme-key' } })).status)
    const { workers } = JSON.parse((await control(gateway, '/status')).body) as StatusReport
    return workers.every(({ state }) => state === 'serving') && workers.some(({ restarts }) => restarts > 0)
  }, 'all serve again')
  t.same(await revoking.everywhere({ 'x-api-key': 'acme-key' }), [401])
  t.same([...seen], [401], 'all the time')
  t.equal(await revoking.restore(made), 200)
})

t.test('kept over kill -9: no worker serves before it holds them', async (t) => {
  const made = await revoking.revoke({ consumer: 'acme', reason: 'kept' })
  await kill(gateway)
  const seen: number[] = []
  await eventually(async () => {
    const status = await ask(port, '/x', { headers: { 'x-api-key': 'acme-key' } }).then(
      (reply) => reply.status,
      () => 0
    )
    if (status !== 0) seen.push(status)
    return seen.length > 10
  }, 'it serves again')
  t.same([...new Set(seen)], [401], 'from the first answer on')
  t.match(
    (await gatehouse('status', gateway.config)).stdout,
    /^revocations +1 of the configuration, 1 made at run time$/m
  )
  t.equal(await revoking.restore(made), 200)
  const other = await ask(port, '/x', { headers: { 'x-api-key': 'acme-key' } })
  t.equal(other.status, 200)
})
