/**
 * The gateway process's main thread: starts the control thread and the workers, owns the ports, passes
 * signals on, and does nothing else, so that accepting connections waits for nobody.
 */
import { extname } from 'node:path'
import { Worker, type MessagePort } from 'node:worker_threads'
import { readEnv } from '../env.ts'
import { Beats } from '../memory/beats.ts'
import { allocateShared } from '../memory/shared.ts'
import type { ControlStart, ControlToMain, ListenAddress, MainToControl } from '../messages.ts'
import { checkNativeBinary } from '../native-binary.ts'
import { began, reading, start } from './begin.ts'
import { boundReceiveBuffers } from './receive-buffer.ts'
import type { Supervisor } from './supervisor.ts'

const BEAT = 200
/** After the workers ended: what the control thread gets to write out what is left, ms. */
const CLOSE_LIMIT = 3_000

const { env } = readEnv(process.env)
const memory = allocateShared({
  workers: env.GATEHOUSE_WORKERS,
  limitSlots: env.GATEHOUSE_LIMIT_SLOTS,
  onceSlots: env.GATEHOUSE_DPOP_SLOTS,
  ringBytes: env.GATEHOUSE_RING_BYTES,
  connectionSlots: env.GATEHOUSE_CONNECTION_SLOTS,
  banSlots: env.GATEHOUSE_BAN_SLOTS,
  eventSlots: env.GATEHOUSE_EVENT_SLOTS
})
const beats = new Beats(memory)
beats.beat('main')
const guard = process.ppid
setInterval(() => {
  beats.beat('main')
  // The control thread sees the guard's end first, at its pipe, and writes out what is left; this is for when it is
  // busy or hangs. Given a new parent, the process has lost its guard.
  if (start.guardFd !== null && process.ppid !== guard) setTimeout(() => process.kill(process.pid, 'SIGKILL'), 400)
}, BEAT)

const controlStart: ControlStart = {
  ...start,
  reading: reading === null ? null : { port: reading.port, began },
  memory,
  workers: env.GATEHOUSE_WORKERS
}
const control = new Worker(new URL('../control/thread' + extname(import.meta.url), import.meta.url), {
  workerData: controlStart,
  transferList: reading === null ? [] : [reading.port],
  name: 'control'
})
const tellControl = (message: MainToControl, ports: readonly MessagePort[] = []): void =>
  control.postMessage(message, ports)
// The control thread asks it, but hears of its end from here only.
void reading?.failed.then(({ message }) => tellControl({ type: 'reading-failed', reason: message }))

/**
 * Comes up while the control thread reads the configuration: a start waits for that longest. Rejects when what would be
 * loaded as uWebSockets.js is not it; so it is looked at before every start of the process.
 */
const supervising: Promise<Supervisor> = superviseNative()

async function superviseNative(): Promise<Supervisor> {
  checkNativeBinary()
  const { Supervisor } = await import('./supervisor.ts')
  return new Supervisor(memory, beats, env.GATEHOUSE_WORKERS, tellControl)
}

supervising.catch((error: unknown) => {
  process.stderr.write(`gatehouse: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
})

control.on('message', (message: ControlToMain) => {
  switch (message.type) {
    case 'listen':
      void listen(message.listeners)
      return
    case 'fatal':
      void end(message.code, 0)
      return
    case 'stop':
      void stop()
      return
    case 'closed':
      process.exit(exitCode)
  }
})
// Without its control thread a gateway can't change, can't be seen and can't be stopped: the guard starts another.
control.on('error', (error) => {
  process.stderr.write(`gatehouse: the control thread failed: ${error.stack ?? error.message}\n`)
  process.kill(process.pid, 'SIGKILL')
})

async function listen(listeners: readonly ListenAddress[]): Promise<void> {
  const supervisor = await supervising
  if (stopping) return
  const bound = supervisor.listen(listeners)
  if (Array.isArray(bound)) await announce(bound)
  else tellControl({ type: 'listen-failed', reason: bound.failed })
}

async function announce(ports: number[]): Promise<void> {
  const fault = await boundReceiveBuffers(ports)
  if (fault !== null && !stopping) {
    process.stderr.write(
      `gatehouse: receive buffers are not bounded, so fast uploads to slow services take memory: ${fault}\n`
    )
  }
  tellControl({ type: 'listening', ports })
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop())
process.on('SIGHUP', () => tellControl({ type: 'reload' }))
process.on('SIGUSR1', () => tellControl({ type: 'reopen-logs' }))

let stopping = false
let exitCode = 0

/** Not ready first, so that balancers look elsewhere; then the ports; then what is under way; then the threads. */
async function stop(): Promise<void> {
  if (stopping) return
  stopping = true
  beats.setDraining(true)
  tellControl({ type: 'draining' })
  await new Promise((resolve) => setTimeout(resolve, env.GATEHOUSE_DRAIN_DELAY))
  await end(0, env.GATEHOUSE_DRAIN_DEADLINE)
}

async function end(code: number, deadline: number): Promise<void> {
  stopping = true
  exitCode = code
  // Each worker ends by itself at its deadline; one that can't is not waited for, and exit would abort on its sockets.
  const stuck = setTimeout(() => process.kill(process.pid, 'SIGKILL'), deadline + 2_000)
  await (await supervising).drain(deadline)
  clearTimeout(stuck)
  setTimeout(() => process.exit(code), CLOSE_LIMIT)
  tellControl({ type: 'close' })
}
