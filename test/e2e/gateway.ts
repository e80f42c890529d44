/** A real gateway for a test: `bin/gatehouse start` on a configuration of the test's, with everything a user would have. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PATIENCE } from './patience.ts'

const BIN = fileURLToPath(new URL('../../bin/gatehouse', import.meta.url))
const READY_LIMIT = 60_000

/** Whoever what is started belongs to, and ends with: a test, or a proof. */
export interface Owner {
  teardown(handler: () => unknown): void
}

export interface GatewayOptions {
  workers?: number
  env?: Record<string, string>
  /** Further files beside the configuration, by name. */
  files?: Record<string, string>
  /** Modules preloaded into every thread, absolute paths: for injecting faults. */
  preload?: string[]
  /** A process group of its own, as a shell gives a job: for signals to the whole of it. */
  group?: boolean
  /** What it is started by, such as `ip netns exec NAME`. */
  under?: string[]
  /** How long the start may take, ms. */
  patience?: number
}

export class Gateway {
  readonly dir: string
  readonly config: string
  readonly child: ChildProcess
  /** Bound ports, in the order of `listen`. */
  ports: number[] = []
  stdout = ''
  stderr = ''
  /** Resolves when it has ended and all that it wrote is here. */
  readonly exited: Promise<number | null>

  constructor(dir: string, child: ChildProcess) {
    this.dir = dir
    this.config = join(dir, 'gatehouse.yaml')
    this.child = child
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.exited = new Promise((resolve) => child.on('close', (code) => resolve(code)))
  }

  get port(): number {
    return this.ports[0] ?? 0
  }

  /** The gateway process (not the guard), as the control socket's lock says. */
  async gatewayPid(): Promise<number> {
    const children = readFileSync(`/proc/${this.child.pid}/task/${this.child.pid}/children`, 'utf8').trim()
    return Number(children.split(' ')[0])
  }

  writeConfig(yaml: string): void {
    writeFileSync(this.config, patient(yaml))
  }

  /** Resolves when `pattern` stands in what the gateway wrote to stderr after position `from`. */
  async said(pattern: RegExp, from = 0, limit = PATIENCE): Promise<string> {
    const until = Date.now() + limit
    for (;;) {
      const match = pattern.exec(this.stderr.slice(from))
      if (match) return match[0]
      if (Date.now() > until) throw new Error(`not said within ${limit} ms: ${pattern}\n${this.stderr.slice(-3000)}`)
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }

  /** Access lines so far, without one that is not whole yet. */
  lines(): Record<string, unknown>[] {
    return this.stdout
      .slice(0, this.stdout.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  /**
   * Resolves with the access line that `test` accepts. An exchange may be recorded after its client has the answer; it
   * is counted before it is recorded, so what has its line is in the metrics, too.
   */
  async line(test: (line: Record<string, unknown>) => boolean, limit = PATIENCE): Promise<Record<string, unknown>> {
    const until = Date.now() + limit
    for (;;) {
      const found = this.lines().find((line) => test(line))
      if (found) return found
      if (Date.now() > until) throw new Error(`no such access line within ${limit} ms in\n${this.stdout.slice(-3000)}`)
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }

  /** Resolves when there are `count` access lines: with the number of requests so far, when all are in the metrics. */
  async recorded(count: number): Promise<void> {
    const until = Date.now() + PATIENCE
    for (let found = 0; found < count; await new Promise((resolve) => setTimeout(resolve, 25))) {
      found = this.lines().length
      if (Date.now() > until) throw new Error(`${found} of ${count} access lines after ${PATIENCE} ms`)
    }
  }

  async stop(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGTERM')
    return this.exited
  }
}

/** Starts and waits for the ready line; stopped and cleaned up at the end of `t`. */
export async function startGateway(t: Owner, yaml: string, options: GatewayOptions = {}): Promise<Gateway> {
  const gateway = spawnGateway(t, yaml, options)
  const early = gateway.exited.then((code) => {
    throw new Error(`the gateway ended with ${code} before it was ready:\n${gateway.stderr}`)
  })
  const ready = await Promise.race([
    gateway.said(/ready: (https?:\/\/[^"\n]+)/, 0, options.patience ?? READY_LIMIT),
    early
  ])
  early.catch(() => {})
  gateway.ports = [...ready.matchAll(/:(\d+)(?=[\s"]|$)/g)].map((match) => Number(match[1]))
  return gateway
}

/** Starts without waiting: for starts that are to fail. */
export function spawnGateway(t: Owner, yaml: string, options: GatewayOptions = {}): Gateway {
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-'))
  for (const [name, text] of Object.entries(options.files ?? {})) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), text)
  }
  writeFileSync(join(dir, 'gatehouse.yaml'), patient(yaml))
  const imports = (options.preload ?? []).map((file) => `--import=${file}`).join(' ')
  const command = [...(options.under ?? []), BIN, 'start', '--config', join(dir, 'gatehouse.yaml')]
  const child = spawn(command[0] ?? BIN, command.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: options.group ?? false,
    env: {
      ...process.env,
      GATEHOUSE_WORKERS: String(options.workers ?? 2),
      GATEHOUSE_DRAIN_DELAY: '0ms',
      // What else the machine does is no overload of the gateway's.
      GATEHOUSE_OVERLOAD_LAG: '10s',
      NODE_OPTIONS: imports,
      NO_COLOR: '1',
      ...options.env
    }
  })
  const gateway = new Gateway(dir, child)
  endWithUs(child)
  t.teardown(async () => {
    await gateway.stop()
    rmSync(dir, { recursive: true, force: true })
  })
  return gateway
}

/**
 * Tests send more bad requests from one address than any client in order: what is built in would ban them. Only a
 * configuration that speaks of threats itself gets them.
 */
function patient(yaml: string): string {
  return /^version: 1$/m.test(yaml) && !/^threats:/m.test(yaml) ? `${yaml.trimEnd()}\nthreats: { bans: none }\n` : yaml
}

const started = new Set<ChildProcess>()
let watching = false

/** A test that is cut off (a time-out of the runner) tears nothing down: its gateways must not outlive it. */
function endWithUs(child: ChildProcess): void {
  if (!watching) {
    watching = true
    process.once('exit', () => started.forEach((one) => one.kill('SIGKILL')))
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1))
  }
  started.add(child)
  child.once('exit', () => started.delete(child))
}
