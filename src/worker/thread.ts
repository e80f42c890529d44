/**
 * Entry of a worker thread: sockets → requests → decisions → upstream, with tables of its own. It shares memory with
 * the others and nothing else; generations and keys come from the control thread, the ports belong to main.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { readEnv } from '../env.ts'
import type { ControlToWorker, MainToWorker, WorkerStart, WorkerToControl, WorkerToMain } from '../messages.ts'
import { WorkerServices } from '../pipeline/services.ts'
import { Apps, handedOver } from './apps.ts'
import { BodyMemory } from './body-memory.ts'
import { LoadProbe } from './load.ts'
import { OpenConnections } from './open-connections.ts'
import { Staging } from './staging.ts'
import { Traffic } from './traffic.ts'
import { UnreadAnswers } from './unread.ts'

const BEAT = 200
const start = workerData as WorkerStart
const { env } = readEnv(process.env)
const toMain = (message: WorkerToMain): void => parentPort?.postMessage(message)
const toControl = (message: WorkerToControl): void => start.control.postMessage(message)

const services = new WorkerServices({
  memory: start.memory,
  index: start.index,
  env,
  events: {
    unknownKid: (issuer, version) => toControl({ type: 'unknown-kid', issuer, version }),
    banned: (ban, bucket) => toControl({ type: 'banned', ban, bucket }),
    connectionRefused: (refused) => toControl({ type: 'connection-refused', refused })
  }
})
const bodyMemory = new BodyMemory(env.GATEHOUSE_BODY_MEMORY, env.GATEHOUSE_BODY_CLIENT_SHARE)
const openConnections = new OpenConnections(services, env.GATEHOUSE_WORKER_CONNECTIONS, () => toMain({ type: 'worn' }))
const unread = new UnreadAnswers(start.memory.seed)
const traffic = new Traffic(services, openConnections, bodyMemory, unread, (error, request) =>
  toControl({ type: 'exception', reason: `${request === '' ? '' : `request ${request}: `}${reasonOf(error)}` })
)
const apps = new Apps(traffic)
traffic.use(apps)
const staging = new Staging(services, apps, (up, reason) =>
  toControl({ type: 'strict-store', index: start.index, up, reason })
)

const { admission, beats, tokens } = services
const waiting = (): number => Math.max(tokens.waitingFill, tokens.opaque.waitingFill)
const underWay = (): void => traffic.countUnderWay()
const load = new LoadProbe(admission, env.GATEHOUSE_MEMORY_LIMIT, waiting, underWay, () => {
  const { level, cause } = admission
  beats.setShedding(start.index, level)
  toControl({ type: 'shedding', worker: start.index, level, cause })
})

services.beats.beat(start.index)
const beat = setInterval(() => services.beats.beat(start.index), BEAT)

start.control.on('message', (message: ControlToWorker) => {
  switch (message.type) {
    case 'keys':
      return services.setKeys(message.set)
    case 'signing-keys':
      return services.minter.setKeys(message.keys)
    case 'revocations': {
      const { add, remove, whole } = message.change
      services.revocations.change(add, remove, whole)
      return toControl({ type: 'confirmed', number: message.confirm })
    }
    case 'testify':
      return toControl({
        type: 'testimony',
        number: message.number,
        evidence: services.detector.evidence(message.bucket)
      })
    case 'begin':
      return begin(message)
    case 'routes':
    case 'configured-revocations':
      staging.add(message)
      // Asked for in a later turn: requests that came meanwhile are served first.
      setImmediate(() => toControl({ type: 'more', generation: message.generation }))
      return
    case 'end':
      staging.finish(message.generation).then(
        () => toControl({ type: 'built', generation: message.generation }),
        (error: unknown) => toControl({ type: 'failed', generation: message.generation, reason: reasonOf(error) })
      )
      return
    case 'commit': {
      const { generation } = message
      const tables = staging.commit(generation)
      if (tables === null)
        return toControl({ type: 'failed', generation, reason: `generation ${generation} is not built` })
      traffic.swap(tables)
      const descriptors = apps.commit()
      if (descriptors !== null) toMain({ type: 'apps', generation, descriptors })
      return toControl({ type: 'committed', generation })
    }
    case 'cancel':
      return staging.cancel(message.generation)
  }
})

parentPort?.on('message', (message: MainToWorker) => {
  switch (message.type) {
    case 'hooked':
      return apps.hooked()
    case 'ports':
      return traffic.setPorts(message.ports)
    case 'drain':
      void drain(message.deadline)
  }
})

// Nobody knows what state this thread is in now: no new connections, a short time for the others, then a new thread.
process.on('uncaughtException', (error) => toMain({ type: 'failing', reason: reasonOf(error) }))
process.on('unhandledRejection', (error) => toMain({ type: 'failing', reason: reasonOf(error) }))

toMain({ type: 'up' })

function begin({ head, consumers }: Extract<ControlToWorker, { type: 'begin' }>): void {
  const { generation } = head
  staging.begin(head, consumers).then(
    () => toControl({ type: 'more', generation }),
    (error: unknown) => toControl({ type: 'failed', generation, reason: reasonOf(error) })
  )
}

let ending = false

async function drain(deadline: number): Promise<void> {
  // A stop, while it was being replaced.
  if (ending) return traffic.hasten(deadline)
  ending = true
  await traffic.drain(deadline)
  // Unhooked before, settled now: only so may the app close and the thread end.
  await handedOver()
  apps.close()
  await services.close()
  clearInterval(beat)
  load.close()
  start.control.close()
  toMain({ type: 'closed' })
  // Closed sockets leave the loop in its next turn; ending before is an abort of the whole process.
  setTimeout(() => process.exit(0), 20)
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
