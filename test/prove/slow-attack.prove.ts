/** Two thousand connections that are slow on purpose, in each of slowhttptest's modes: others unharmed, these cut, memory bounded. */
import { control, sample } from '../e2e/control.ts'
import type { Owner } from '../e2e/gateway.ts'
import { residentMemory } from '../e2e/memory.ts'
import { absent, attack, MODES, startAttacked } from '../e2e/slow-attack.ts'
import { type Losses, pause, Visitors } from '../e2e/visitors.ts'
import { proof, type Finding } from './proof.ts'

const CONNECTIONS = 2000
/** Longer than what cuts the slowest of them, s: 10 to 12 for a head, 5 for a body's route, 12 for a reader. */
const SECONDS = 25
/** Bytes; a connection may take 250 KB, which is less than its answer. */
const MOST_MEMORY = CONNECTIONS * 250 * 1024
const ANSWER = 4 << 20

for (const secure of [false, true]) {
  for (const mode of MODES) {
    const name = `slowhttptest -${mode}${secure ? ' over TLS' : ''} at ${CONNECTIONS} connections`
    if (absent !== false) process.stdout.write(`skipped: ${name}: ${absent}\n`)
    else
      await proof(`${name}: others unharmed, its connections cut, memory bounded`, (owner) => run(owner, mode, secure))
  }
}

async function run(owner: Owner, mode: (typeof MODES)[number], secure: boolean): Promise<Finding> {
  // Sheds as it is delivered, not as tests beside other work have it.
  const env = { GATEHOUSE_OVERLOAD_LAG: '100ms' }
  const { gateway, plain, secure: tls } = await startAttacked(owner, ANSWER, '5s', env)
  const pid = await gateway.gatewayPid()
  const resident = (): number => residentMemory(pid)
  /** Connections that came so far, and those that are there. */
  const connections = async (): Promise<{ opened: number; left: number }> => {
    const { body } = await control(gateway, '/metrics')
    const opened = sample(body, 'gatehouse_connections_opened_total')
    return { opened, left: opened - sample(body, 'gatehouse_connections_closed_total') }
  }
  const before = resident()
  const visitors = new Visitors(plain, { keepAlive: 4, fresh: 2, pause: 5, from: '127.0.0.2' })
  // Who shares the attackers' address shares what one client may have: he is answered, if not always with what he asked for.
  const neighbours = new Visitors(plain, { keepAlive: 4, fresh: 2, pause: 5 })
  let most = before
  const watch = setInterval(() => (most = Math.max(most, resident())), 200)
  const url = secure ? `https://localhost:${tls}/large` : `http://127.0.0.1:${plain}/large`
  const attacked = attack(mode, url, CONNECTIONS, SECONDS)
  // Looked at while the attack still goes on: what is closed then, the gateway has closed.
  await Promise.race([attacked, pause((SECONDS - 3) * 1000)])
  const { opened, left } = await connections()
  await attacked
  clearInterval(watch)
  const others = await visitors.stop()
  const near = await neighbours.stop()
  const unharmed = others.lost.length === 0 && others.statuses.size === 1 && others.statuses.has(200)
  const held = most - before
  return {
    holds: unharmed && near.lost.length === 0 && opened > CONNECTIONS && left < CONNECTIONS / 10 && held < MOST_MEMORY,
    figure: `others ${told(others)}; of the attackers' address ${told(near)}; ${opened} connections came, ${left} left; ${(held / 2 ** 20).toFixed(0)} MB`
  }
}

function told({ answered, statuses, lost }: Losses): string {
  return `${answered} answers (${[...statuses].map(([status, n]) => `${n} × ${status}`).join(', ')}), ${lost.length} lost`
}
