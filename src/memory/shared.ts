/**
 * All the memory that the threads of one gateway process share, made once by the main thread and handed to every
 * other in its workerData. Only the files of this folder know what lies where in a buffer.
 */
import { randomFillSync } from 'node:crypto'
import { BYTES_OF_ADMISSIONS } from './admissions.ts'
import { bytesOfBanTable } from './ban-table.ts'
import { bytesOfBeats } from './beats.ts'
import { bytesOfConcurrency } from './concurrency.ts'
import { bytesOfCounters } from './counters.ts'
import { bytesOfLimitTable } from './limit-table.ts'
import { bytesOfQuotaTable } from './quota-table.ts'
import { bytesOfRing } from './ring.ts'
import { bytesOfSlidingTable } from './sliding-table.ts'

/** Survives `postMessage`: buffers, which stay shared, and numbers. */
export interface SharedMemory {
  readonly workers: number
  /** As asked for; memory/ knows what was made of it. */
  readonly limitSlots: number
  /** 128 random bits of this boot, four 32-bit words: the key of hash.ts, so that nobody outside can choose a slot. */
  readonly seed: readonly [number, number, number, number]
  readonly limits: Regions
  readonly sliding: Regions
  readonly quotas: Regions
  /** As `seed`, for the keys of quotas: those outlive a restart, and so must what they are hashed with. */
  readonly quotaSeed: SharedArrayBuffer
  readonly concurrency: Regions
  /** Open connections of each client, in as many slots as asked for. */
  readonly connections: SharedArrayBuffer
  readonly connectionSlots: number
  /** As `quotaSeed`, for the keys of limits over several hosts, the same on all of them. */
  readonly clusterSeed: SharedArrayBuffer
  /** Whether the other hosts are heard of: see `setClusterHeard`. */
  readonly clusterHeard: SharedArrayBuffer
  /** What workers admitted on such limits, one per worker. */
  readonly admissions: readonly SharedArrayBuffer[]
  /** Who is banned; and the events that lead there, counted as rates are (threats/). As asked for. */
  readonly banSlots: number
  readonly bans: SharedArrayBuffer
  readonly eventSlots: number
  readonly events: SharedArrayBuffer
  /** What was used once (once.ts), and in how many slots. */
  readonly once: SharedArrayBuffer
  readonly onceSlots: number
  readonly counters: SharedArrayBuffer
  readonly beats: SharedArrayBuffer
  /** One per worker, by its index. */
  readonly rings: readonly SharedArrayBuffer[]
}

/**
 * A table in two halves, so that a flood of strangers, who may invent as many keys as they like, can fill the one but
 * leave the callers who proved who they are their slots in the other.
 */
export const HALVES = ['strangers', 'callers'] as const
export type Half = (typeof HALVES)[number]

export interface Regions {
  readonly strangers: SharedArrayBuffer
  readonly callers: SharedArrayBuffer
}

/** Keys with requests under way are fewer than keys with a past: one slot for them to each sixteen of the rates. */
const SLOTS_PER_CONCURRENCY_SLOT = 16

/** Slots of each half of the rates. */
export function limitSlots(options: { readonly limitSlots: number }): number {
  return Math.ceil(options.limitSlots / 2)
}

/** Sliding windows are chosen for a few limits that must not double at an edge, and cost half as much room again. */
const SLOTS_PER_SLIDING_SLOT = 4

/** Slots of each half of the sliding windows. */
export function slidingSlots(options: { readonly limitSlots: number }): number {
  return Math.ceil(limitSlots(options) / SLOTS_PER_SLIDING_SLOT)
}

/** Slots of each half of the quotas. */
export function quotaSlots(options: { readonly limitSlots: number }): number {
  return slidingSlots(options)
}

/** Replaces the seed of the quotas' keys, 16 bytes. Only while no thread has prepared a limit. */
export function setQuotaSeed(memory: SharedMemory, seed: Uint8Array): void {
  new Uint8Array(memory.quotaSeed).set(seed)
}

/** The seed as it is now. */
export function quotaSeed(memory: SharedMemory): SharedMemory['seed'] {
  return seedIn(new Int32Array(memory.quotaSeed))
}

/** Replaces the seed of the cluster's keys, 16 bytes: limits prepared from now on count under it. */
export function setClusterSeed(memory: SharedMemory, seed: Uint8Array): void {
  new Uint8Array(memory.clusterSeed).set(seed)
}

export function clusterSeed(memory: SharedMemory): SharedMemory['seed'] {
  return seedIn(new Int32Array(memory.clusterSeed))
}

function seedIn(words: Int32Array): SharedMemory['seed'] {
  return [words[0] ?? 0, words[1] ?? 0, words[2] ?? 0, words[3] ?? 0]
}

/** Said by the control thread: whether counts are exchanged with the other hosts just now. */
export function setClusterHeard({ clusterHeard }: SharedMemory, heard: boolean): void {
  Atomics.store(new Int32Array(clusterHeard), 0, heard ? 1 : 0)
}

/** What `setClusterHeard` said last. */
export function clusterHeard({ clusterHeard: buffer }: SharedMemory): () => boolean {
  const words = new Int32Array(buffer)
  return () => Atomics.load(words, 0) === 1
}

/** Slots of each half of the requests at once. */
export function concurrencySlots(options: { readonly limitSlots: number }): number {
  return Math.ceil(limitSlots(options) / SLOTS_PER_CONCURRENCY_SLOT)
}

/** Forgets everything that was counted by key, and all bans, as after the start: for whoever runs one thing after the other that must not see each other. No other thread may be counting. */
export function forgetCounts(memory: SharedMemory): void {
  const { limits, sliding, quotas, concurrency, connections, bans, events, once } = memory
  new Uint8Array(connections).fill(0)
  new Uint8Array(bans).fill(0)
  new Uint8Array(events).fill(0)
  new Uint8Array(once).fill(0)
  for (const { strangers, callers } of [limits, sliding, quotas, concurrency]) {
    new Uint8Array(strangers).fill(0)
    new Uint8Array(callers).fill(0)
  }
}

/** Where nobody says otherwise: bans held at once, and events remembered. */
const BAN_SLOTS = 1 << 18
const EVENT_SLOTS = 1 << 18
const CONNECTION_SLOTS = 1 << 10

/**
 * @param options.workers 1-64
 * @param options.limitSlots rate limit buckets over both halves; a power of two is best, others are rounded up
 * @param options.banSlots,eventSlots 16 bytes each, rounded up to a power of two
 * @param options.connectionSlots clients whose open connections are counted at a time
 * @param options.onceSlots things that may be used only once remembered at a time
 * @param options.ringBytes room for access records of each worker; rounded up to a power of two
 */
export function allocateShared(options: {
  workers: number
  limitSlots: number
  onceSlots?: number
  ringBytes: number
  banSlots?: number
  eventSlots?: number
  connectionSlots?: number
}): SharedMemory {
  const { workers, onceSlots = 1 << 10, banSlots = BAN_SLOTS, eventSlots = EVENT_SLOTS } = options
  const { connectionSlots = CONNECTION_SLOTS } = options
  const slots = limitSlots(options)
  const atOnce = concurrencySlots(options)
  return {
    workers,
    limitSlots: options.limitSlots,
    seed: seedIn(randomFillSync(new Int32Array(4))),
    limits: {
      strangers: new SharedArrayBuffer(bytesOfLimitTable(slots)),
      callers: new SharedArrayBuffer(bytesOfLimitTable(slots))
    },
    sliding: {
      strangers: new SharedArrayBuffer(bytesOfSlidingTable(slidingSlots(options))),
      callers: new SharedArrayBuffer(bytesOfSlidingTable(slidingSlots(options)))
    },
    quotas: {
      strangers: new SharedArrayBuffer(bytesOfQuotaTable(quotaSlots(options))),
      callers: new SharedArrayBuffer(bytesOfQuotaTable(quotaSlots(options)))
    },
    quotaSeed: freshSeed(),
    clusterSeed: freshSeed(),
    clusterHeard: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
    admissions: Array.from({ length: workers }, () => new SharedArrayBuffer(BYTES_OF_ADMISSIONS)),
    concurrency: {
      strangers: new SharedArrayBuffer(bytesOfConcurrency(atOnce, workers)),
      callers: new SharedArrayBuffer(bytesOfConcurrency(atOnce, workers))
    },
    connections: new SharedArrayBuffer(bytesOfConcurrency(connectionSlots, workers)),
    connectionSlots,
    banSlots,
    bans: new SharedArrayBuffer(bytesOfBanTable(banSlots)),
    eventSlots,
    events: new SharedArrayBuffer(bytesOfLimitTable(eventSlots)),
    once: new SharedArrayBuffer(bytesOfLimitTable(onceSlots)),
    onceSlots,
    counters: new SharedArrayBuffer(bytesOfCounters(workers)),
    beats: new SharedArrayBuffer(bytesOfBeats(workers)),
    rings: Array.from({ length: workers }, () => new SharedArrayBuffer(bytesOfRing(options.ringBytes)))
  }
}

function freshSeed(): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(16)
  randomFillSync(new Int32Array(buffer))
  return buffer
}
