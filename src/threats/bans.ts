/**
 * Banning: from "one too many" to a ban that holds on every thread. The thread that saw the event decides alone; the
 * control thread is told, which keeps and explains it.
 */
import type { BanReport, Bucket, Evidence } from '../ban.ts'
import { formatIp, networkOf, prefixKey } from '../ip.ts'
import { type IpSet } from '../ip-set.ts'
import {
  BanTable,
  blocksOf,
  ENFORCED,
  LIMITED,
  offencesOf,
  SHADOW,
  type BanFound,
  type Space
} from '../memory/ban-table.ts'
import { COUNTER, type Counters } from '../memory/counters.ts'
import type { SharedMemory } from '../memory/shared.ts'
import type { Mode } from '../plan/policy.ts'
import type { BanTimes } from '../plan/threats.ts'
import { type Detector, NETWORK } from './detector.ts'
import { tagOfName } from './tag.ts'

/** What a ban says of itself. */
export interface Cause {
  scenario: string
  where: string
  reason: string
  times: BanTimes
  mode: Mode
  /** As far as this thread saw it. */
  evidence: Evidence[]
  /** Where all threads counted what led to it; null where one request was enough. */
  bucket: Bucket | null
  /** Pages of others may have had a browser send what was counted: its address is limited and not banned. */
  ofPages?: boolean
}

/** @param bucket by which the other threads find what they have seen, or null */
export type TellBan = (ban: BanReport, bucket: Bucket | null) => void

/** Bits of the network that is banned when sixteen of its addresses are. */
const NETWORK_BITS_V4 = 24
const NETWORK_BITS_V6 = 48
const MOST_OFFENCES = 255

export class Bans {
  readonly table: BanTable
  readonly #detector: Detector
  readonly #counters: Counters
  readonly #report: TellBan
  readonly #found: BanFound = { until: 0, info: 0 }

  /** @param report called in the thread that banned, right after the ban holds */
  constructor(memory: SharedMemory, detector: Detector, counters: Counters, report: TellBan) {
    this.table = new BanTable(memory)
    this.#detector = detector
    this.#counters = counters
    this.#report = report
  }

  /**
   * Bans a client's address, cut to `v6Prefix`; a crowd's, or one for whose requests pages may be to blame, is limited
   * instead, unless the cause is `certain`. An address in `never` is not touched, and one that is banned already stays as
   * it is, but for a limit, whose place a ban takes.
   * @param now ms since the epoch
   * @returns whether it is banned or limited by this call
   */
  banAddress(bytes: Uint8Array, v6Prefix: number, cause: Cause, never: IpSet, now: number, certain = false): boolean {
    if (never.has(bytes)) return false
    const space = spaceOf(cause.mode)
    const bits = bytes.length === 4 ? 32 : v6Prefix
    const address = prefixKey(bytes, v6Prefix)
    const limited = !certain && (cause.ofPages === true || this.#detector.isCrowd(address))
    if (this.table.find(space, bytes, seconds(now), this.#found)) {
      if (limited || (this.#found.info & LIMITED) === 0) return false
      for (const block of blocksOf(networkOf(bytes, bits), bits)) this.table.remove(space, block.bytes, block.bits)
    }
    if (!this.#banBlock(bytes, bits, cause, limited, now)) return false
    if (!limited) this.#countNetwork(bytes, address, bits, cause, now)
    return true
  }

  /** Bans what a scenario counts by, where that is not the address alone. */
  banKey(key: string, who: string, cause: Cause, now: number): boolean {
    const space = spaceOf(cause.mode)
    if (this.table.findKey(space, key, seconds(now), this.#found)) return false
    const offences = this.#offences(this.table.recallKey(space, key, this.#found), cause.times, now)
    const until = now + durationOf(cause.times, offences)
    const info = infoOf(cause.scenario, offences, false)
    if (!this.table.putKey(space, key, seconds(until), info, seconds(now))) return false
    this.#tell({ kind: 'key', key, who }, cause, offences, until, false, now)
    return true
  }

  #countNetwork(bytes: Uint8Array, address: string, bits: number, cause: Cause, now: number): void {
    const wide = bytes.length === 4 ? NETWORK_BITS_V4 : NETWORK_BITS_V6
    if (bits <= wide) return
    const network = `${formatIp(networkOf(bytes, wide))}/${wide}`
    if (!this.#detector.addressBanned(network, address)) return
    const reason = `${NETWORK} addresses of the network were banned, the last by ${cause.scenario}: ${cause.reason}`
    this.#banBlock(bytes, wide, { ...cause, reason }, false, now)
  }

  #banBlock(bytes: Uint8Array, bits: number, cause: Cause, limited: boolean, now: number): boolean {
    const space = spaceOf(cause.mode)
    const network = networkOf(bytes, bits)
    const blocks = blocksOf(network, bits)
    const first = blocks[0]
    if (first === undefined) return false
    const known = this.table.recall(space, first.bytes, first.bits, this.#found)
    const offences = this.#offences(known, cause.times, now)
    const until = now + durationOf(cause.times, offences)
    const info = infoOf(cause.scenario, offences, limited)
    let held = false
    for (const block of blocks) {
      if (this.table.put(space, block.bytes, block.bits, seconds(until), info, seconds(now))) held = true
    }
    if (!held) return false
    const text = bits === bytes.length * 8 ? formatIp(network) : `${formatIp(network)}/${bits}`
    this.#tell({ kind: 'address', key: text, who: text }, cause, offences, until, limited, now)
    return true
  }

  /** Bans before this one. A ban that ended longer ago than the longest one lasts is forgotten. */
  #offences(known: boolean, { max }: BanTimes, now: number): number {
    if (!known || this.#found.until * 1000 + max < now) return 0
    return Math.min(MOST_OFFENCES, offencesOf(this.#found.info) + 1)
  }

  #tell(
    target: Pick<BanReport, 'kind' | 'key' | 'who'>,
    cause: Cause,
    offences: number,
    until: number,
    limited: boolean,
    now: number
  ): void {
    this.#counters.add(limited ? COUNTER.addressesLimited : COUNTER.bans)
    const { scenario, where, reason, mode, evidence, times, bucket } = cause
    const remembered = until + times.max
    const ban = { ...target, scenario, where, reason, at: now, until, offences, remembered, mode, limited, evidence }
    this.#report(ban, bucket)
  }
}

/** How long the ban after `offences` others lasts, ms. */
function durationOf({ time, escalate, max }: BanTimes, offences: number): number {
  return Math.min(max, time * escalate ** offences)
}

/** A ban's word in the table: the scenario's tag below, the offences above, and whether it is a limited one. */
export function infoOf(scenario: string, offences: number, limited: boolean): number {
  return tagOfName(scenario) | (offences << 16) | (limited ? LIMITED : 0)
}

export function spaceOf(mode: Mode): Space {
  return mode === 'enforce' ? ENFORCED : SHADOW
}

/** The table's unit. */
export function seconds(ms: number): number {
  return ms / 1000
}
