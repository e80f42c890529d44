/**
 * The guard: a tiny parent without native code. uWebSockets.js has no crash isolation between threads: an
 * exception in a callback or a worker that dies at the wrong moment takes the process down or
 * hangs it. So the guard starts the gateway process, listens to its heartbeat and brings it back.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { extname } from 'node:path'
import { createInterface } from 'node:readline'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { readEnv } from '../env.ts'

export interface GuardOptions {
  /** Absolute path of the root configuration file. */
  configFile: string
  /** The same as the owner wrote it, for messages. */
  configName: string
}

/** The one argument of the gateway process, as JSON. */
export interface GatewayStart extends GuardOptions {
  /** The pipe to the guard: beats out, and its end means that the guard is gone. */
  guardFd: number | null
  /** Where `log.access: stdout` goes. */
  stdoutFd: number
  /** Start on the last plan that ran well, kept in this state directory, instead of the file; null: on the file. */
  lastGoodIn: string | null
}

/** One line on the pipe. Ages are ms since that thread's last beat; null before its first. */
export interface Beat {
  ready: boolean
  /** The last plan that ran well serves, not what the configuration file says. */
  onLastGood: boolean
  /** Where the gateway keeps its state, '' before it has read that: the guard needs it when the configuration can't be read any more. */
  stateDir: string
  main: number
  workers: (number | null)[]
}

/** Silence of the control thread, or of main, after which the process is taken for hung. */
const SILENCE_LIMIT = 3_000
/** A worker blocked for over 1 s is bypassed by the acceptor; for this long, the process is restarted. */
const WORKER_LIMIT = 10_000
/** Before the first beat: modules load, providers are asked for keys. */
const START_LIMIT = 30_000
const CRASH_WINDOW = 10_000
const CRASH_COUNT = 3
const LOOK = 250
/** The guard itself did not run for this long (stopped, suspended): it can't tell silence from its own absence. */
const ABSENCE = 1_000
const GUARD_FD = 3
/** Our standard output, for access lines. The gateway's own is closed: uWebSockets.js writes to it, and who reads JSON lines must not find that between them. */
const STDOUT_FD = 4
/** Exit codes of the gateway process that mean "started wrongly", not "broke": bad configuration, usage, address taken. */
const START_FAILURES = new Set([1, 2])

/** Runs the gateway until it ends for good. Resolves with the exit code for the command line. */
export function startGuard(options: GuardOptions): Promise<number> {
  return new Guard(options).run()
}

class Guard {
  readonly #options: GuardOptions
  readonly #crashes: number[] = []
  readonly #drainLimit: number
  #child: ChildProcess | null = null
  /** The signal that asked for it. */
  #stopping: NodeJS.Signals | null = null
  #everReady = false
  /** The gateway process has its signal handlers: it has beaten. */
  #listening = false
  readonly #waiting = new Set<NodeJS.Signals>()
  #stateDir: string | null = null
  #lastGood = false
  #finish: (code: number) => void = () => {}

  constructor(options: GuardOptions) {
    this.#options = options
    const { env } = readEnv(process.env)
    this.#drainLimit = env.GATEHOUSE_DRAIN_DELAY + env.GATEHOUSE_DRAIN_DEADLINE + 5_000
  }

  run(): Promise<number> {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#stop(signal))
    for (const signal of ['SIGHUP', 'SIGUSR1'] as const) process.on(signal, () => this.#pass(signal))
    return new Promise((resolve) => {
      this.#finish = resolve
      this.#start()
    })
  }

  #start(): void {
    const start: GatewayStart = {
      ...this.#options,
      guardFd: GUARD_FD,
      stdoutFd: STDOUT_FD,
      lastGoodIn: this.#lastGood ? this.#stateDir : null
    }
    const entry = fileURLToPath(new URL('./process' + extname(import.meta.url), import.meta.url))
    const { env } = readEnv(process.env)
    // Not detached: in the guard's process group one signal to the group reaches both. The parser's limit is read
    // by uWebSockets.js when it is first imported, so it has to stand in the environment before.
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', entry, JSON.stringify(start)], {
      stdio: ['ignore', 'ignore', 'inherit', 'pipe', process.stdout.fd],
      env: { ...process.env, UWS_HTTP_MAX_HEADERS_SIZE: String(env.GATEHOUSE_MAX_HEADER_BYTES) }
    })
    this.#child = child
    this.#listening = false
    const watch = new HeartbeatWatch((reason) => {
      say(`${reason}: killing the gateway process ${child.pid}`)
      child.kill('SIGKILL')
    })
    let ready = false
    const pipe = child.stdio[GUARD_FD] as Duplex
    pipe.on('error', () => {})
    createInterface({ input: pipe }).on('line', (line) => {
      const beat = parseBeat(line)
      if (beat === null) return
      this.#listening = true
      for (const signal of this.#waiting) child.kill(signal)
      this.#waiting.clear()
      if (beat.ready) {
        ready = this.#everReady = true
        // Reloaded onto the file since: what is to be started next time is the file again.
        if (!beat.onLastGood) this.#lastGood = false
      }
      // Not known yet in its first beats; a process that crashes that early must not take it from us.
      if (beat.stateDir !== '') this.#stateDir = beat.stateDir
      watch.beat(beat)
    })
    child.on('error', (error) => {
      watch.stop()
      say(`the gateway process can't be started: ${error.message}`)
      this.#finish(1)
    })
    child.on('exit', (code, signal) => {
      watch.stop()
      this.#child = null
      this.#ended(code, signal, ready)
    })
  }

  /** @param wasReady whether this life of the process got as far as serving */
  #ended(code: number | null, signal: NodeJS.Signals | null, wasReady: boolean): void {
    if (code === 0) return this.#finish(0)
    // Stopped before it listened to signals: nothing was under way.
    if (this.#stopping) return this.#finish(!wasReady && signal === this.#stopping ? 0 : (code ?? 1))
    // A crash may end with one of these codes as well, but not before the start has failed or succeeded.
    const badStart = !wasReady && code !== null && START_FAILURES.has(code)
    if (!this.#everReady && badStart) return this.#finish(code)
    const now = performance.now()
    this.#crashes.push(now)
    while ((this.#crashes[0] ?? now) < now - CRASH_WINDOW) this.#crashes.shift()
    const how = signal ? `was ended by ${signal}` : `ended with code ${code}`
    if (!this.#lastGood && (badStart || this.#crashes.length >= CRASH_COUNT)) {
      this.#lastGood = true
      say(`the gateway process ${how}; starting it on the last configuration that ran well`)
    } else {
      say(`the gateway process ${how}; starting it again`)
    }
    // The first crashes cost no waiting; a gateway that can't stay up must not eat the machine.
    const delay = this.#crashes.length < CRASH_COUNT ? 0 : 1_000
    setTimeout(() => (this.#stopping ? this.#finish(1) : this.#start()), delay)
  }

  /** A process that does not listen yet would be ended by SIGHUP, and would open a debugger's port on SIGUSR1. */
  #pass(signal: NodeJS.Signals): void {
    if (this.#listening) this.#child?.kill(signal)
    else this.#waiting.add(signal)
  }

  #stop(signal: NodeJS.Signals): void {
    if (this.#child === null) return this.#finish(0)
    this.#child.kill(signal)
    if (this.#stopping) return
    this.#stopping = signal
    const child = this.#child
    setTimeout(() => {
      say('the gateway did not end in time; killing it')
      child.kill('SIGKILL')
    }, this.#drainLimit).unref()
  }
}

/** Decides from the beats, and from their absence, that a gateway process hangs. */
class HeartbeatWatch {
  readonly #hung: (reason: string) => void
  readonly #timer: NodeJS.Timeout
  #last = performance.now()
  #looked = performance.now()
  #first = true

  constructor(hung: (reason: string) => void) {
    this.#hung = hung
    this.#timer = setInterval(() => this.#check(), LOOK)
  }

  beat(beat: Beat): void {
    this.#last = performance.now()
    this.#first = false
    if (beat.main > SILENCE_LIMIT) return this.#fail(`the main thread has been silent for ${beat.main} ms`)
    const worker = beat.workers.findIndex((age) => age !== null && age > WORKER_LIMIT)
    if (worker >= 0) this.#fail(`worker ${worker} has been blocked for ${beat.workers[worker]} ms`)
  }

  #check(): void {
    const now = performance.now()
    if (now - this.#looked > LOOK + ABSENCE) this.#last = now
    this.#looked = now
    const silence = now - this.#last
    if (silence > (this.#first ? START_LIMIT : SILENCE_LIMIT)) this.#fail(`no heartbeat for ${Math.round(silence)} ms`)
  }

  #fail(reason: string): void {
    this.stop()
    this.#hung(reason)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

/** @returns null for what is no beat: the process was killed in the middle of writing it. */
function parseBeat(line: string): Beat | null {
  try {
    return JSON.parse(line) as Beat
  } catch {
    return null
  }
}

function say(message: string): void {
  process.stderr.write(`gatehouse guard: ${message}\n`)
}
