/** The floors, and the paced load: the C programs of native-bench. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { freePort, GATEWAY_CORE, listening, runPinned, start } from '../processes.ts'
import type { Peer } from './peer.ts'

const SOURCES = fileURLToPath(new URL('../../native-bench', import.meta.url))

export function buildNative(): void {
  try {
    execFileSync('make', ['-s', '-C', SOURCES], { stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    throw new Error(`native-bench does not build: ${String((error as { stderr?: Buffer }).stderr)}`, { cause: error })
  }
}

export function nativeProgram(name: 'forwarder' | 'verify' | 'counter' | 'radix' | 'paced'): string {
  return `${SOURCES}/build/${name}`
}

/** Copies bytes to the upstream and back, one connection for one: what any proxy has to do at least. */
export async function startForwarder(upstream: number): Promise<Peer> {
  const port = await freePort()
  const args = [String(port), String(upstream)]
  const program = start('the C forwarder', nativeProgram('forwarder'), args, { core: GATEWAY_CORE })
  await listening(program, port)
  return { name: 'C forwarder', port, program, compiles: false, logs: [] }
}

/** Verifications per second of processor time, by OpenSSL itself. */
export async function verificationFloor(seconds: number): Promise<{ rs256: number; es256: number }> {
  const args = [String(seconds)]
  return JSON.parse(
    await runPinned(nativeProgram('verify'), args, { core: GATEWAY_CORE, limitMs: seconds * 10_000 + 10_000 })
  ) as { rs256: number; es256: number }
}

/** ns of processor time per lookup. */
export async function lookupFloor(routes: number, lookups: number): Promise<number> {
  const text = await runPinned(nativeProgram('radix'), [String(routes), String(lookups)], {
    core: GATEWAY_CORE,
    limitMs: 30_000
  })
  return (JSON.parse(text) as { ns: number }).ns
}

/** ns per addition. Over all cores: contention within one is none. */
export function counterFloor(threads: number, additions: number): number {
  const text = execFileSync(nativeProgram('counter'), [String(threads), String(additions)], { encoding: 'utf8' })
  return (JSON.parse(text) as { ns: number }).ns
}
