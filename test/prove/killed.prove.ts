/**
 * kill -9 in the middle of everything, 5 times: whatever was revoked or banned is so after the restart, and of a quota
 * that is counted all the while at most the last second is lost.
 */
import { Agent } from 'node:http'
import { ask } from '../e2e/client.ts'
import { control } from '../e2e/control.ts'
import { freePort } from '../e2e/free-port.ts'
import { startGateway } from '../e2e/gateway.ts'
import { kill } from '../e2e/process/killing.ts'
import { sha256 } from '../e2e/tokens.ts'
import { eventually, pause } from '../e2e/visitors.ts'
import { proof } from './proof.ts'

const ROUNDS = 5
const CLIENTS = 4
const QUOTA = 1_000_000_000
/** What a kill may cost of counts and of bans, ms. A revocation costs nothing: its command waits for the disk. */
const LOST = 1_000

await proof(`kill -9 while everything changes, ${ROUNDS} times`, async (owner) => {
  const port = await freePort()
  const gateway = await startGateway(
    owner,
    `version: 1
listen: [ { address: "127.0.0.1:${port}" } ]
state: { dir: var }
log: { access: none }
consumers: [ { name: acme, keys: [ { id: acme-1, hash: "sha256:${sha256('acme-key')}" } ] } ]
services:
  - name: s
    policies: { auth: { key: true }, limits: [ { name: month, quota: ${QUOTA}/month, by: consumer } ] }
    routes: [ { name: r, match: { paths: ["/*"] }, respond: { status: 200, body: x } } ]
`,
    { workers: 2 }
  )
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  owner.teardown(() => agent.destroy())
  const headers = { 'x-api-key': 'acme-key' }
  /** When each answer came, ms. */
  const answered: number[] = []
  const revoked: string[] = []
  const banned: { id: string; at: number }[] = []
  let going = false

  const client = async (): Promise<void> => {
    while (going) {
      const status = await ask(port, '/', { headers, agent }).then(
        (reply) => reply.status,
        () => 0
      )
      if (status === 200) answered.push(performance.now())
    }
  }
  const owners = async (round: number): Promise<void> => {
    for (let i = 0; going; i++) {
      try {
        const until = new Date(Date.now() + 3_600_000).toISOString()
        const entry = await control(gateway, '/revocations', 'POST', JSON.stringify({ jti: `${round}-${i}`, until }))
        if (entry.status === 201) revoked.push((JSON.parse(entry.body) as { revocation: { id: string } }).revocation.id)
        const address = `203.0.${100 + round}.${i % 256}`
        const ban = await control(gateway, '/bans', 'POST', JSON.stringify({ address, for: '1h' }))
        if (ban.status === 201) banned.push({ id: (JSON.parse(ban.body) as { id: string }).id, at: performance.now() })
      } catch {
        // Killed in the middle of the call: what it asked for may hold or not.
      }
    }
  }
  const list = async (path: string, key: string): Promise<Set<string>> => {
    const { body } = await control(gateway, path)
    return new Set((JSON.parse(body) as Record<string, { id: string }[]>)[key]?.map(({ id }) => id))
  }

  const lost = { revocations: 0, bans: 0, counts: 0 }
  /** Counts beyond what was answered or under way at a kill: counted twice. */
  let surplus = 0
  let worst = 0
  let overdue = 0
  for (let round = 0; round < ROUNDS; round++) {
    going = true
    const working = [...Array.from({ length: CLIENTS }, client), owners(round)]
    await pause(2_500 + Math.floor(Math.random() * 1_000))
    const at = performance.now()
    await kill(gateway)
    going = false
    await Promise.all(working)
    const first = await eventually(
      () =>
        ask(port, '/', { headers }).then(
          (reply) => (reply.status === 200 ? reply : null),
          () => null
        ),
      'it serves again',
      30_000
    )
    await eventually(
      () =>
        control(gateway, '/ready').then(
          ({ status }) => status === 200,
          () => false
        ),
      'ready',
      10_000
    )
    const counted = QUOTA - Number(/r=(\d+)/.exec(String(first.headers['ratelimit']))?.[1]) - 1
    const late = answered.filter((time) => time > at - LOST).length
    lost.counts = Math.max(lost.counts, answered.length - counted)
    overdue = Math.max(overdue, answered.length - late - counted)
    surplus = Math.max(surplus, counted - answered.length)
    worst = Math.max(worst, late)
    const [revocations, bans] = [await list('/revocations', 'revocations'), await list('/bans', 'bans')]
    lost.revocations += revoked.filter((id) => !revocations.has(id)).length
    lost.bans += banned.filter((ban) => ban.at <= at - LOST && !bans.has(ban.id)).length
    // From here on the store's count is the truth; the answer that told it is one of them.
    answered.length = 0
    for (let i = 0; i <= counted; i++) answered.push(0)
    banned.splice(0, banned.length, ...banned.filter(({ id }) => bans.has(id)).map(({ id }) => ({ id, at: 0 })))
  }
  return {
    holds: lost.revocations === 0 && lost.bans === 0 && overdue <= 0 && surplus <= CLIENTS && revoked.length > 0,
    figure: `${revoked.length} revocations: ${lost.revocations} lost; ${banned.length} bans older than ${LOST} ms: ${lost.bans} lost; ${answered.length} requests counted: at most ${Math.max(0, lost.counts)} lost at a kill, of up to ${worst} in the last ${LOST} ms`
  }
})
