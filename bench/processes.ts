/**
 * What the bench starts: each program in a process group of its own, pinned to a core, and ended by that group and
 * nothing else. However the bench itself ends, its groups and its folder end with it.
 */
import { execFile, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The gateways' core, and the one that load and upstream share. */
export const GATEWAY_CORE = 0
export const LOAD_CORE = 1

/** Starting a gateway with 10,000 routes takes seconds on a busy machine. */
const READY_LIMIT_MS = 60_000
const STOP_LIMIT_MS = 8000
/** Of a program's output, for saying why it failed. */
const KEPT_OUTPUT = 4000

export interface Program {
  readonly name: string
  /** Process group, by which processor time is counted and all its processes are ended. */
  readonly group: number
  /** The last of what it wrote. */
  output(): string
  /** null while it runs, then how it ended. */
  ended(): string | null
  stop(): Promise<void>
}

const running = new Set<Program>()

/** Configurations, logs and keys of this run; removed at its end. */
export const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
// nginx's workers are another user's.
chmodSync(folder, 0o755)

process.on('exit', () => {
  for (const { group } of running) signal(group, 'SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})
for (const [name, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129]
] as const)
  process.on(name, () => process.exit(code))

export interface StartOptions {
  core: number
  env?: Readonly<Record<string, string>>
  cwd?: string
  /** Niceness, 0 (default) to 19. */
  nice?: number
}

export function start(name: string, command: string, args: readonly string[], options: StartOptions): Program {
  const line = pinned(command, args, options)
  const child = spawn(line[0], line.slice(1), {
    env: { ...process.env, NO_COLOR: '1', ...options.env },
    cwd: options.cwd ?? folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true
  })
  let output = ''
  let ended: string | null = null
  const keep = (data: Buffer) => (output = (output + data.toString()).slice(-KEPT_OUTPUT))
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  child.on('error', (error) => (ended = error.message))
  const exit = new Promise<void>((resolve) =>
    child.on('close', (code, by) => {
      ended ??= by === null ? `exit ${code}` : by
      running.delete(program)
      resolve()
    })
  )
  const program: Program = {
    name,
    group: child.pid ?? 0,
    output: () => output,
    ended: () => ended,
    stop: async () => {
      if (ended !== null) return
      signal(program.group, 'SIGTERM')
      const late = setTimeout(() => signal(program.group, 'SIGKILL'), STOP_LIMIT_MS)
      await exit
      clearTimeout(late)
      // A guard or a master may be gone before its children.
      signal(program.group, 'SIGKILL')
    }
  }
  if (child.pid !== undefined) running.add(program)
  return program
}

/** Runs a command to its end on `core` and gives what it wrote to standard output. */
export async function runPinned(
  command: string,
  args: readonly string[],
  { core, nice, input, limitMs }: { core: number; nice?: number; input?: string; limitMs: number }
): Promise<string> {
  const line = pinned(command, args, nice === undefined ? { core } : { core, nice })
  const promise = run(line[0], line.slice(1), { cwd: folder, timeout: limitMs, maxBuffer: 1 << 24 })
  promise.child.stdin?.end(input ?? '')
  return (await promise).stdout
}

function pinned(command: string, args: readonly string[], { core, nice }: StartOptions): [string, ...string[]] {
  const niceness = nice === undefined ? [] : ['nice', '-n', String(nice)]
  return ['taskset', '-c', String(core), ...niceness, command, ...args]
}

function signal(group: number, name: NodeJS.Signals): void {
  if (group <= 1) return
  try {
    process.kill(-group, name)
  } catch {
    // All of it has ended.
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}

/**
 * Resolves when `port` takes connections.
 * @throws when the program ends or is too slow, with what it wrote
 */
export async function listening(program: Program, port: number): Promise<void> {
  const until = Date.now() + READY_LIMIT_MS
  while (!(await accepts(port))) {
    const ended = program.ended()
    if (ended !== null) throw new Error(`${program.name} ended (${ended}) before it listened:\n${program.output()}`)
    if (Date.now() > until) {
      await program.stop()
      throw new Error(`${program.name} does not listen within ${READY_LIMIT_MS / 1000} s:\n${program.output()}`)
    }
    await sleep(50)
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => (socket.destroy(), resolve(true)))
    socket.on('error', () => resolve(false))
  })
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
