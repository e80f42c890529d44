import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads'
import { ConnectionLimits } from '../limits/connections.ts'
import { Limiter } from '../limits/limiter.ts'
import { Counters } from '../memory/counters.ts'
import type { Beats } from '../memory/beats.ts'
import type { ListenAddress, MainToControl, MainToWorker, WorkerStart, WorkerToMain } from '../messages.ts'
import type { SharedMemory } from '../memory/shared.ts'
import { AcceptorApp, type AppDescriptor } from '../worker/uws.ts'

/** A worker silent for this long gets no new connections until it beats again, ms. */
const BLOCKED = 1_000
const LOOK = 200
/**
 * Workers that load their code at a time: a fifth of a second of processor time each. One processor is left to the
 * thread that reads the configuration, which a start waits for longest.
 */
const ABREAST = Math.max(1, availableParallelism() - 1)
const RESPAWN_DELAY = 500
/** What a worker whose state can't be trusted any more gets to finish its other requests, ms. */
const FAILING_DEADLINE = 2_000
/** The same of one that is only worn: as long as connections of retired certificates get. */
const WORN_DEADLINE = 60_000

interface Slot {
  readonly index: number
  worker: Worker
  state: 'serving' | 'bypassed' | 'leaving' | 'gone'
  /** One per listener, of the newest apps; null before the first. */
  apps: readonly AppDescriptor[] | null
  hooked: boolean
  /** To be replaced as soon as all others serve, or leaving for that. */
  worn: boolean
  /** Monotonic ms. */
  startedAt: number
}

/**
 * Owns the doors (one acceptor app per listener) and the worker threads behind them: hands connections over, takes
 * a blocked or failing worker out of the round, replaces one that ended. A worker that is still hooked when it dies
 * crashes or deadlocks the process, so every path out of a slot begins with unhooking it.
 */
export class Supervisor {
  readonly #memory: SharedMemory
  readonly #workers: number
  readonly #beats: Beats
  readonly #tellControl: (message: MainToControl, ports?: readonly MessagePort[]) => void
  readonly #slots: Slot[] = []
  readonly #doors: AcceptorApp[] = []
  readonly #watch: NodeJS.Timeout
  readonly #limiter: Limiter
  readonly #connections: ConnectionLimits
  #ports: number[] = []
  #draining = false
  #looked = performance.now()
  #allGone: (() => void) | null = null

  constructor(
    memory: SharedMemory,
    beats: Beats,
    workers: number,
    tellControl: (message: MainToControl, ports?: readonly MessagePort[]) => void
  ) {
    this.#memory = memory
    this.#beats = beats
    const counters = new Counters(memory, 'main')
    this.#limiter = new Limiter(memory, 0, counters)
    this.#connections = new ConnectionLimits(memory, 0, counters)
    this.#tellControl = tellControl
    this.#workers = workers
    for (let n = 0; n < ABREAST; n++) this.#startNext()
    this.#watch = setInterval(() => this.#look(), LOOK)
  }

  /** Opens the ports. @returns the bound ports, or why one can't be bound (then none stays open). */
  listen(listeners: readonly ListenAddress[]): number[] | { failed: string } {
    const ports: number[] = []
    for (const { host, port, tls } of listeners) {
      const door = new AcceptorApp(tls)
      this.#doors.push(door)
      // Hooked before it listens: a connection that came in between would find no worker.
      for (const slot of this.#slots) {
        const app = slot.apps?.[this.#doors.length - 1]
        if (app !== undefined) door.hook(app)
      }
      const bound = door.listen(host, port)
      if (bound === null) {
        for (const open of this.#doors) open.stopListening()
        return { failed: `${host}:${port} can't be bound: it is in use, or not an address of this machine` }
      }
      ports.push(bound)
    }
    this.#ports = ports
    for (const slot of this.#slots) {
      slot.hooked = slot.apps !== null
      tell(slot, { type: 'ports', ports })
    }
    return ports
  }

  /** Closes the ports, lets every worker finish within `deadline` ms, and resolves when all have ended. */
  drain(deadline: number): Promise<void> {
    this.#draining = true
    for (const door of this.#doors) door.stopListening()
    const gone = new Promise<void>((resolve) => {
      this.#allGone = resolve
    })
    for (const slot of this.#slots) {
      this.#unhook(slot)
      if (slot.state !== 'gone') {
        slot.state = 'leaving'
        tell(slot, { type: 'drain', deadline })
      }
    }
    this.#noteGone()
    return gone.finally(() => clearInterval(this.#watch))
  }

  /** The first start of the next worker, if there is one. */
  #startNext(): void {
    const index = this.#slots.length
    if (index >= this.#workers || this.#draining) return
    this.#slots.push({
      index,
      worker: this.#spawn(index),
      state: 'serving',
      apps: null,
      hooked: false,
      worn: false,
      startedAt: performance.now()
    })
  }

  #spawn(index: number): Worker {
    const { port1, port2 } = new MessageChannel()
    const start: WorkerStart = { memory: this.#memory, index, control: port1 }
    const entry = new URL('../worker/thread' + extname(import.meta.url), import.meta.url)
    this.#beats.forget(index)
    const worker = new Worker(entry, { workerData: start, transferList: [port1], name: `worker-${index}` })
    this.#tellControl({ type: 'worker-up', index, port: port2 }, [port2])
    worker.on('message', (message: WorkerToMain) => this.#receive(index, worker, message))
    worker.on('error', (error) => {
      this.#tellControl({ type: 'worker-failed', index, reason: String(error.stack ?? error.message) })
    })
    worker.on('exit', () => this.#ended(index, worker))
    return worker
  }

  #receive(index: number, worker: Worker, message: WorkerToMain): void {
    const slot = this.#slots[index]
    if (slot === undefined || slot.worker !== worker) return
    switch (message.type) {
      case 'up':
        return this.#startNext()
      case 'apps':
        return this.#replaceApps(slot, message.generation, message.descriptors)
      case 'failing':
        // One that fails goes on failing while it settles: it is said once. One that was only worn has less time now.
        if (slot.state === 'leaving' && !slot.worn) return
        slot.worn = false
        this.#tellControl({ type: 'worker-failed', index, reason: message.reason })
        return this.#settle(slot, FAILING_DEADLINE)
      case 'worn':
        slot.worn = true
        return this.#replaceWorn()
      case 'closed':
        this.#unhook(slot)
    }
  }

  /** It gets no more connections, finishes within `deadline` ms and ends; then another takes its place. */
  #settle(slot: Slot, deadline: number): void {
    const { worker } = slot
    this.#unhook(slot)
    slot.state = 'leaving'
    tell(slot, { type: 'drain', deadline })
    // One that can't even settle would be missing for good, and can't be ended from outside with sockets open.
    setTimeout(() => {
      if (slot.worker === worker && slot.state === 'leaving') process.kill(process.pid, 'SIGKILL')
    }, 2 * deadline).unref()
  }

  /** One at a time, and never the only one: there is no hurry. */
  #replaceWorn(): void {
    if (this.#draining || this.#slots.length === 1) return
    const worn = this.#slots.find((slot) => slot.worn)
    // One that leaves is none that serves.
    if (worn === undefined || this.#slots.some(({ state, hooked }) => state !== 'serving' || !hooked)) return
    this.#tellControl({ type: 'worker-worn', index: worn.index })
    this.#settle(worn, WORN_DEADLINE)
  }

  #replaceApps(slot: Slot, generation: number, descriptors: readonly AppDescriptor[]): void {
    const before = slot.hooked ? slot.apps : null
    slot.apps = descriptors
    if (this.#ports.length > 0 && slot.state === 'serving') {
      // New before old: at no moment is a door without this worker.
      this.#doors.forEach((door, i) => {
        const app = descriptors[i]
        if (app !== undefined) door.hook(app)
      })
      slot.hooked = true
      tell(slot, { type: 'ports', ports: this.#ports })
    }
    if (before !== null) this.#doors.forEach((door, i) => unhookFrom(door, before[i]))
    tell(slot, { type: 'hooked', generation })
  }

  #unhook(slot: Slot): void {
    if (!slot.hooked) return
    slot.hooked = false
    this.#doors.forEach((door, i) => unhookFrom(door, slot.apps?.[i]))
  }

  #look(): void {
    const now = performance.now()
    const late = now - this.#looked - LOOK
    this.#looked = now
    // Main was not running itself: the process may have stood still, and the workers with it.
    if (late > BLOCKED / 2) return
    for (const slot of this.#slots) {
      const blocked = this.#beats.ageMs(slot.index) > BLOCKED
      // The last one stays: a connection that waits for it fares better than one that is told 503.
      const others = this.#slots.some((other) => other !== slot && other.hooked)
      if (slot.state === 'serving' && blocked && slot.hooked && others) {
        this.#unhook(slot)
        slot.state = 'bypassed'
        this.#tellControl({ type: 'worker-bypassed', index: slot.index, bypassed: true })
      } else if (slot.state === 'bypassed' && !blocked) {
        slot.state = 'serving'
        this.#doors.forEach((door, i) => {
          const app = slot.apps?.[i]
          if (app !== undefined) door.hook(app)
        })
        slot.hooked = true
        this.#tellControl({ type: 'worker-bypassed', index: slot.index, bypassed: false })
      }
    }
    this.#replaceWorn()
  }

  #ended(index: number, worker: Worker): void {
    const slot = this.#slots[index]
    if (slot === undefined || slot.worker !== worker) return
    this.#unhook(slot)
    slot.apps = null
    // What it counted as under way died with it; its successor must not start with that.
    this.#limiter.releaseWorker(index)
    this.#connections.releaseWorker(index)
    this.#tellControl({ type: 'worker-down', index })
    slot.state = 'gone'
    slot.worn = false
    if (this.#draining) return this.#noteGone()
    // At once the first time; one that can't live must not spin.
    const young = performance.now() - slot.startedAt < 1_000
    setTimeout(
      () => {
        if (this.#draining) return
        slot.startedAt = performance.now()
        slot.state = 'serving'
        slot.worker = this.#spawn(index)
      },
      young ? RESPAWN_DELAY : 0
    )
  }

  #noteGone(): void {
    if (this.#slots.every((slot) => slot.state === 'gone')) this.#allGone?.()
  }
}

function tell(slot: Slot, message: MainToWorker): void {
  slot.worker.postMessage(message)
}

function unhookFrom(door: AcceptorApp, app: AppDescriptor | undefined): void {
  if (app !== undefined) door.unhook(app)
}
