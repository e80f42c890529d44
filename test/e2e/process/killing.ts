/** Killing a gateway's processes, and seeing it come back. */
import { readFileSync } from 'node:fs'
import { ask } from '../client.ts'
import type { Gateway } from '../gateway.ts'
import { eventually } from '../visitors.ts'

export const at = (port: number): string => `{ name: plain, address: "127.0.0.1:${port}" }`

/** Kills the gateway process as soon as there is one. */
export async function kill(gateway: Gateway, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  const pid = await eventually(async () => {
    const found = await gateway.gatewayPid()
    return exists(found) ? found : 0
  }, 'there is a process')
  process.kill(pid, signal)
  await eventually(() => !exists(pid), 'the process is gone')
}

/** Kills the gateway process; resolves when it answers again. */
export async function killed(gateway: Gateway, port: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  await kill(gateway, signal)
  await eventually(() => answersAt(port), 'it serves again')
}

export async function answersAt(port: number): Promise<string> {
  return ask(port, '/').then(
    ({ status, body }) => (status === 200 ? body : ''),
    () => ''
  )
}

export function exists(pid: number): boolean {
  try {
    // An orphan that has ended stays as a zombie until its new parent looks.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
