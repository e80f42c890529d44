/** Debian's redis-server for a test: its own process on a free port, without a file on disk. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, listens } from '../free-port.ts'
import type { Owner } from '../gateway.ts'
import { eventually } from '../visitors.ts'
import { PATIENCE } from '../patience.ts'

/** Why there is none here; false: there is. In CI it is installed, so a test must not be left out there. */
export const noRedis: string | false =
  spawnSync('redis-server', ['--version']).status === 0 || process.env.CI !== undefined
    ? false
    : 'redis-server is not installed'

/** Resolves when `look` finds what is to come about. */
export async function soon(look: () => Promise<boolean>): Promise<void> {
  await eventually(look, String(look))
}

export class RedisServer {
  readonly port: number
  readonly #dir: string
  readonly #args: readonly string[]
  #child: ChildProcess | null = null

  constructor(port: number, dir: string, args: readonly string[]) {
    this.port = port
    this.#dir = dir
    this.#args = args
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const child = spawn('redis-server', [...this.#args], { cwd: this.#dir, stdio: 'ignore' })
    this.#child = child
    process.once('exit', () => child.kill('SIGKILL'))
    for (const until = Date.now() + PATIENCE; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
      if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`)
      if (await listens(this.port)) return
      if (Date.now() > until) throw new Error(`redis-server does not listen on ${this.port}`)
    }
  }

  /** Stops it where it is, with its connections open. */
  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  /** At once, with all it knows. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  /** What redis-cli says. */
  cli(...args: string[]): string {
    return spawnSync('redis-cli', ['-p', String(this.port), ...args], { encoding: 'utf8' }).stdout.trim()
  }
}

/** @param more further lines of its configuration */
export async function startRedis(
  t: Owner,
  more: readonly string[] = [],
  port?: number,
  options: readonly string[] = []
): Promise<RedisServer> {
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-redis-'))
  const own = port ?? (await freePort())
  const lines = [`port ${own}`, 'bind 127.0.0.1', `dir ${dir}`, ...more]
  // A sentinel has no data, and refuses to be told where to keep it.
  if (options.length === 0) lines.push('save ""', 'appendonly no')
  writeFileSync(join(dir, 'redis.conf'), `${lines.join('\n')}\n`)
  const server = new RedisServer(own, dir, [join(dir, 'redis.conf'), ...options])
  t.teardown(async () => {
    server.resume()
    await server.kill()
    rmSync(dir, { recursive: true, force: true })
  })
  await server.start()
  return server
}

/** A sentinel that watches a master of that name; returns its port. */
export async function startSentinel(t: Owner, name: string, master: number, password: string): Promise<number> {
  const port = await freePort()
  await startRedis(
    t,
    [
      `sentinel monitor ${name} 127.0.0.1 ${master} 1`,
      `sentinel auth-pass ${name} ${password}`,
      `sentinel down-after-milliseconds ${name} 1000`
    ],
    port,
    ['--sentinel']
  )
  return port
}
