/**
 * The state directory: what outlives a restart, private to the gateway's user, used by one gateway at a time. Also
 * the check that an address is free, because uWebSockets.js shares a port with another process without a word.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** Makes `dir` and everything above it. Throws a sentence for the owner when it can't be used. */
export function openStateDir(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new Error(`state.dir ${dir} can't be made: ${reason(error)}`)
  }
  const found = statSync(dir)
  if (!found.isDirectory()) throw new Error(`state.dir ${dir} is not a directory`)
  if ((found.mode & 0o077) === 0) return
  try {
    chmodSync(dir, 0o700)
  } catch {
    // A volume that belongs to root and is given to our group is common; one that everybody can enter is not safe.
    if (found.mode & 0o007) {
      throw new Error(
        `state.dir ${dir} is open to every user (mode ${(found.mode & 0o777).toString(8)}) and belongs to another: close it with chmod 700`
      )
    }
  }
}

/** Tells one life of a process from another with the same number: after a restart of the process, or of the machine. */
interface Owner {
  pid: number
  /** Clock ticks from boot to the start of the process: field 22 of proc_pid_stat(5). */
  start: string
  boot: string
}

/** A takeover takes microseconds; a claim this old was left by a process that died in the middle of one. */
const ABANDONED_AFTER = 10_000

/**
 * Makes `dir` if need be and takes it for this process; resolves with what gives it up. Rejects with a sentence for
 * the owner while another live gateway has it.
 */
export async function lockStateDir(dir: string): Promise<() => void> {
  openStateDir(dir)
  const lock = join(dir, 'gateway.lock')
  const own = `${lock}.${process.pid}.${randomBytes(6).toString('hex')}`
  const mine = JSON.stringify(self())
  writeFileSync(own, mine, { flag: 'wx', mode: 0o600 })
  try {
    // `link` creates the lock with its content in one step and fails when there is one: nobody ever reads half a lock.
    while (!link(own, lock)) {
      const found = read(lock)
      if (found === null) continue
      const owner = parse(found)
      if (owner && alive(owner)) {
        throw new Error(`another gateway (pid ${owner.pid}) uses this state directory: ${dir}`)
      }
      if (takeOver(lock, found, own)) break
      await pause(5)
    }
  } finally {
    rmSync(own, { force: true })
  }
  return () => {
    if (read(lock) === mine) rmSync(lock, { force: true })
  }
}

/**
 * Replaces the lock of a dead owner. Of two that found the same dead owner only one may: the claim is a second link
 * to the lock's file, named after what was found in it, so only one process can hold it; and whoever holds it looks
 * again, because the lock may have been taken over and the claim given up between the two looks.
 */
function takeOver(lock: string, found: string, own: string): boolean {
  const claim = `${lock}.${parse(found)?.start ?? '0'}.claim`
  if (!link(lock, claim)) {
    const since = statSync(claim, { throwIfNoEntry: false })?.ctimeMs
    if (since !== undefined && Date.now() - since > ABANDONED_AFTER) rmSync(claim, { force: true })
    return false
  }
  try {
    if (read(claim) !== found) return false
    renameSync(own, lock)
    return true
  } finally {
    rmSync(claim, { force: true })
  }
}

/** False: `to` is there already, or `from` is there no longer. */
function link(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if (code(error) === 'EEXIST' || (code(error) === 'ENOENT' && read(from) === null)) return false
    throw error
  }
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (code(error) === 'ENOENT') return null
    throw error
  }
}

function parse(text: string): Owner | null {
  try {
    const { pid, start, boot } = JSON.parse(text) as Partial<Owner>
    if (typeof pid !== 'number' || typeof start !== 'string' || typeof boot !== 'string') return null
    return { pid, start, boot }
  } catch {
    return null
  }
}

function self(): Owner {
  return { pid: process.pid, start: startOf(process.pid) ?? '', boot: bootId() }
}

function alive(owner: Owner): boolean {
  return owner.boot === bootId() && startOf(owner.pid) === owner.start
}

/** null: no such process, or one that has ended and only waits to be collected. */
function startOf(pid: number): string | null {
  const stat = read(`/proc/${pid}/stat`)
  if (stat === null) return null
  // The second field, the program's name in parentheses, may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' ? null : (fields[19] ?? null)
}

function bootId(): string {
  return read('/proc/sys/kernel/random/boot_id')?.trim() ?? ''
}

export type AddressState = 'free' | 'in-use' | 'not-permitted' | 'no-such-address'

/**
 * Whether `host`:`port` could be bound now, asked of the kernel without sharing. Rejects for any other failure.
 *
 * Nobody listens for that, not for a moment: who waits for the port to open, a balancer or a script, would take that
 * for the gateway. A client's socket is bound instead, as if to go from there to a port of this machine (tcpmux, where
 * nobody is), and is given up as soon as it is.
 */
export function probeAddress(host: string, port: number): Promise<AddressState> {
  return new Promise((resolve, reject) => {
    const probe = connect({
      host: LOOPBACK[host] ?? host,
      port: port === TCPMUX ? TCPMUX + 1 : TCPMUX,
      localAddress: host,
      localPort: port
    })
    probe.once('error', (error) => {
      const { syscall } = error as NodeJS.ErrnoException
      // That a port is taken is told by the next call.
      if (syscall !== 'bind' && code(error) !== 'EADDRINUSE') return resolve('free')
      const state = STATES[code(error) ?? '']
      if (state) resolve(state)
      else reject(error)
    })
    // It is bound, or has failed, by the end of this turn.
    setImmediate(() => {
      resolve('free')
      probe.destroy()
    })
  })
}

const TCPMUX = 1
/** Where a socket of every address goes. */
const LOOPBACK: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

const STATES: Readonly<Record<string, AddressState>> = {
  EADDRINUSE: 'in-use',
  EACCES: 'not-permitted',
  EPERM: 'not-permitted',
  EADDRNOTAVAIL: 'no-such-address',
  EAFNOSUPPORT: 'no-such-address',
  ENOTFOUND: 'no-such-address',
  EINVAL: 'no-such-address'
}

function code(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
