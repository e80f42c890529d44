/**
 * What the threads of one gateway process say to each other. Three parties: main (acceptor), control, workers.
 * Everything is structured-clone-safe. Requests never travel here: the data plane shares only memory.
 */
import type { MessagePort } from 'node:worker_threads'
import type { BanReport, Bucket, Evidence } from './ban.ts'
import type { TokenAlgorithm } from './plan/identity.ts'
import type { KeySet } from './plan/keys.ts'
import type { PackedConsumers } from './plan/packed-consumers.ts'
import type { PlanHead } from './plan/plan.ts'
import type { RevocationPlan } from './plan/revocation.ts'
import type { RoutePlan } from './plan/route.ts'
import type { SharedMemory } from './memory/shared.ts'

/** workerData of the control thread. */
export interface ControlStart {
  memory: SharedMemory
  /** Absolute path of the root configuration file. */
  configFile: string
  /** The same as the owner typed it, for messages. */
  configName: string
  workers: number
  /** Of the thread that reads the first generation already, and since when (ms since the epoch); null: none does. */
  reading: { port: MessagePort; began: number } | null
  /** File descriptor of the pipe to the guard, or null when run without one. */
  guardFd: number | null
  /** File descriptor of `log.access: stdout`. */
  stdoutFd: number
  /** State directory whose last good plan to start on instead of the file, or null: the guard saw three crashes in 10 s. */
  lastGoodIn: string | null
}

/** workerData of a worker thread. */
export interface WorkerStart {
  memory: SharedMemory
  /** 0 … workers-1; a replacement takes the index of the one it replaces. */
  index: number
  /** To the control thread. */
  control: MessagePort
}

/** main → control */
export type MainToControl =
  | { type: 'worker-up'; index: number; port: MessagePort }
  | { type: 'worker-down'; index: number }
  | { type: 'listening'; ports: number[] }
  | { type: 'listen-failed'; reason: string }
  /** The thread that read the first generation ended: of itself, or because it was to. */
  | { type: 'reading-failed'; reason: string }
  | { type: 'reload' }
  | { type: 'reopen-logs' }
  | { type: 'worker-failed'; index: number; reason: string }
  /** It has counted GATEHOUSE_WORKER_CONNECTIONS and another takes its place. */
  | { type: 'worker-worn'; index: number }
  | { type: 'worker-bypassed'; index: number; bypassed: boolean }
  /** Ready is false from now on; the ports close after GATEHOUSE_DRAIN_DELAY. */
  | { type: 'draining' }
  /** The workers are gone: write out what is left and answer `closed`. */
  | { type: 'close' }

/** control → main */
export type ControlToMain =
  /** All workers have acknowledged the first plan: open the ports. */
  | { type: 'listen'; listeners: ListenAddress[] }
  /** The start failed (already said on stderr); exit with `code`. */
  | { type: 'fatal'; code: number }
  /** `gatehouse stop`, or a command of the owner's. */
  | { type: 'stop' }
  | { type: 'closed' }

/** control → worker. A generation is sent in parts, each asked for with `more`, so that no deserialisation is long. */
export type ControlToWorker =
  | { type: 'begin'; head: PlanHead; consumers: PackedConsumers }
  | { type: 'routes'; generation: number; routes: RoutePlan[] }
  | { type: 'configured-revocations'; generation: number; revocations: RevocationPlan[] }
  | { type: 'end'; generation: number }
  | { type: 'commit'; generation: number }
  | { type: 'cancel'; generation: number }
  | { type: 'keys'; set: KeySet }
  /** All keys that tokens for services may be signed with; replaces those before. */
  | { type: 'signing-keys'; keys: SigningKey[] }
  | { type: 'revocations'; change: RevocationChange; confirm: number }
  /** Another worker has banned by this bucket: what went to it here? */
  | { type: 'testify'; bucket: Bucket; number: number }

/** A private key of the gateway's own. */
export interface SigningKey {
  kid: string
  alg: TokenAlgorithm
  /** ms since the epoch: until then it is only published. */
  signsFrom: number
  pkcs8: Uint8Array
}

/** Of the revocations made at run time. They hold from the moment a worker reads this. */
export interface RevocationChange {
  add: RevocationPlan[]
  /** Ids. */
  remove: string[]
  /** `add` replaces all there were. */
  whole: boolean
}

/** worker → control */
export type WorkerToControl =
  | { type: 'more'; generation: number }
  | { type: 'built'; generation: number }
  | { type: 'failed'; generation: number; reason: string }
  | { type: 'committed'; generation: number }
  /** What was sent with this number holds here. */
  | { type: 'confirmed'; number: number }
  /** A token named a key that its issuer's set of this version lacks: worth fetching the set again. */
  | { type: 'unknown-kid'; issuer: string; version: number }
  /** Detection banned somebody: it holds already. By `bucket` other workers find what they have seen of it. */
  | { type: 'banned'; ban: BanReport; bucket: Bucket | null }
  /** The answer to `testify` of this number. */
  | { type: 'testimony'; number: number; evidence: Evidence[] }
  /** Told once in a while per client. */
  | { type: 'connection-refused'; refused: RefusedConnection }
  /** Whether a worker reaches the store of the cluster itself, for strict limits. */
  | { type: 'strict-store'; index: number; up: boolean; reason: string }
  /** Its admission has another level (limits/admission.ts), and why. */
  | { type: 'shedding'; worker: number; level: number; cause: string }
  /** Something threw where nothing should: its request got a 500. For the log. */
  | { type: 'exception'; reason: string }

/** A connection that was closed because of `client.connections`. */
export interface RefusedConnection {
  /** Address of the peer, or its IPv6 prefix. */
  client: string
  listener: string
  /** `max` or `rate`, and where that is written. */
  limit: 'max' | 'rate'
  where: string
}

/** worker → main */
export type WorkerToMain =
  /** Its code is loaded. */
  | { type: 'up' }
  /** Apps of a generation, one descriptor per listener in the plan's order; replaces the ones before. */
  | { type: 'apps'; generation: number; descriptors: number[] }
  /** An exception escaped: unhook me, I settle and exit. */
  | { type: 'failing'; reason: string }
  /** All is well, but I have taken memory that only my end gives back: replace me when another can do my work meanwhile. */
  | { type: 'worn' }
  /** Settled and closed; about to exit. */
  | { type: 'closed' }

/** main → worker */
export type MainToWorker =
  /** These apps take over from the ones before, which may be retired. */
  | { type: 'hooked'; generation: number }
  /** The ports that were bound (a redirect to port 0's listener needs them). */
  | { type: 'ports'; ports: number[] }
  /** No new connection will come. Finish what is under way within `deadline` ms, close, then exit. */
  | { type: 'drain'; deadline: number }

/** Where a listener listens; port 0: any free one. */
export interface ListenAddress {
  name: string
  host: string
  port: number
  tls: boolean
}
