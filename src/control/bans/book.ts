import { createHash } from 'node:crypto'
import type { BanReport, Evidence } from '../../ban.ts'
import { parseCidr, type Cidr } from '../../ip.ts'
import { IpSet } from '../../ip-set.ts'
import { BanTable, blocksOf, PINNED, type Space } from '../../memory/ban-table.ts'
import type { SharedMemory } from '../../memory/shared.ts'
import type { ThreatsPlan } from '../../plan/threats.ts'
import type { Log } from '../../observe/log.ts'
import { infoOf, seconds, spaceOf } from '../../threats/bans.ts'
import { ADDED, CROWDSEC } from '../../threats/tag.ts'
import type { BanRows } from '../store/bans.ts'
import { isWithin, textOf, WIDEST_V4, WIDEST_V6 } from './block.ts'
import { BanList } from './list.ts'

/** A ban as its owner is shown it: points in time in ISO 8601, UTC. */
export interface BanEntry {
  /** Stands for what is banned, in every run of the gateway the same. */
  id: string
  who: string
  scenario: string
  where: string
  reason: string
  at: string
  until: string
  /** Bans of the same before this one. */
  offences: number
  mode: 'enforce' | 'shadow'
  limited: boolean
  evidence: { time: string; method: string; path: string; status: number; id: string }[]
}

/** What an owner asks for. */
export interface Wanted {
  /** Address or CIDR block. */
  address: string
  /** How long, ms. */
  time: number
  reason: string
}

/** Who else acts on bans that hold. */
export interface BanFollower {
  /** A ban holds, in the place of any former one of the same. */
  held(ban: BanReport): void
  /** It ended before its time. */
  lifted(ban: BanReport): void
}

/** What others decide. */
export interface Decided {
  cidr: Cidr
  /** ms since the epoch. */
  until: number
  /** The name that stands for whoever decided. */
  scenario: string
  reason: string
}

/** Ends so near to each other are the same, ms. */
const SAME = 2_000

/** Between two looks for bans that have ended, ms. */
const PRUNE = 10_000

/** Who else is to know of bans: the other hosts of a cluster. */
export interface BanSharing {
  made(id: string, ban: BanReport): void
  removed(id: string, ban: BanReport, now: number): void
}

/**
 * What explains every ban, and keeps it over restarts. That it holds is a matter of the ban table alone, which the
 * workers write and read; this is told afterwards.
 *
 * Long because workers, the owner, CrowdSec and other hosts all write into one list, and its invariants are kept here.
 */
export class BanBook {
  readonly #table: BanTable
  /** Bans explained at most. */
  readonly most: number
  readonly #log: () => Log
  readonly #clock: () => number
  readonly #entries = new BanList()
  readonly #timer: NodeJS.Timeout
  #rows: BanRows | null = null
  #never = new IpSet([])
  #follower: BanFollower | null = null
  #sharing: BanSharing | null = null

  /** @param clock ms since the epoch; for tests */
  constructor(memory: SharedMemory, log: () => Log, clock: () => number = Date.now) {
    this.#table = new BanTable(memory)
    // No more than the table itself may hold; one made past that takes the oldest's place here.
    this.most = this.#table.slots
    this.#log = log
    this.#clock = clock
    this.#timer = setInterval(() => this.#prune(), PRUNE).unref()
  }

  /** Puts into force what was kept, before any port opens. */
  async restore(rows: BanRows): Promise<void> {
    this.#rows = rows
    const now = this.#clock()
    let holding = 0
    for (const ban of await rows.all(now)) {
      this.#enforce(ban, now)
      if (ban.until <= now) continue
      this.#entries.add(idOf(ban), ban)
      if (this.#entries.size > this.most) this.#forgetOldest()
      else holding++
    }
    if (holding > 0) this.#log().info(`${holding} ${holding === 1 ? 'ban goes' : 'bans go'} on from before the start`)
  }

  /** Who is never banned, as of the generation that serves. */
  use({ never }: ThreatsPlan): void {
    this.#never = new IpSet(never)
  }

  follow(follower: BanFollower): void {
    this.#follower = follower
  }

  /** Bans that hold, oldest first. */
  *holding(): Iterable<BanReport> {
    const now = this.#clock()
    for (const [, ban] of this.#entries) if (ban.until > now) yield ban
  }

  share(sharing: BanSharing): void {
    this.#sharing = sharing
  }

  /** What this host may tell others, with its ids. CrowdSec tells each of them itself what it decides, and takes back. */
  held(): [string, BanReport][] {
    return [...this.#entries].filter(([, { scenario }]) => scenario !== CROWDSEC)
  }

  /** Another host has banned somebody. False: not here, or not any more. */
  receive(id: string, ban: BanReport): boolean {
    const now = this.#clock()
    if (id !== idOf(ban) || ban.until <= now) return false
    const cidr = ban.kind === 'address' ? parseCidr(ban.key) : null
    if (ban.kind === 'address' && (cidr === null || this.#never.has(cidr.bytes))) return false
    if (!this.#enforce(ban, now)) return false
    this.#keep(ban)
    const until = new Date(ban.until).toISOString()
    const what = ban.mode === 'shadow' ? 'would be banned' : ban.limited ? 'is limited' : 'is banned'
    this.#log().warn(`${ban.who} ${what}, by another host: ${ban.scenario}, ${ban.reason}`, {
      ban: ban.scenario,
      until
    })
    return true
  }

  /** Another host's owner has ended a ban. */
  takenBack(id: string): boolean {
    const ban = this.#entries.get(id)
    if (ban === undefined) return true
    this.#end(ban)
    this.#log().warn(`${ban.who} is no longer banned, at the word of another host's owner`)
    return true
  }

  /** A worker has banned somebody. Who else is to know of it hears it by `tell`, when it is explained. */
  made(ban: BanReport): void {
    this.#keep(ban)
  }

  /** More is known of what led to a ban. @returns the ban with it, which is the one that holds if the former was */
  explain(ban: BanReport, evidence: Evidence[]): BanReport {
    const explained = { ...ban, evidence }
    const id = idOf(ban)
    if (this.#entries.get(id) === ban) {
      this.#entries.replace(id, explained)
      this.#rows?.put(id, explained)
    }
    return explained
  }

  /** Says what `made` was told: to the other hosts, unless it has ended meanwhile, and in the log. */
  tell(ban: BanReport): void {
    const id = idOf(ban)
    if (this.#entries.get(id) === ban) this.#sharing?.made(id, ban)
    const { who, scenario, where, reason, until, at, mode, limited, evidence } = ban
    const what = mode === 'shadow' ? 'would be banned' : limited ? 'is limited, not banned' : 'is banned'
    const requests = evidence.map((one) => `${one.method} ${one.path} ${one.status} ${one.id}`)
    const fields = {
      ban: scenario,
      until: new Date(until).toISOString(),
      seconds: (until - at) / 1000,
      where,
      requests
    }
    this.#log().warn(`${who} ${what}: ${scenario}, ${reason}`, fields)
  }

  /** Bans that hold, newest first. */
  list(): BanEntry[] {
    const now = this.#clock()
    return [...this.#entries]
      .filter(([, { until }]) => until > now)
      .map(([id, ban]) => entryOf(id, ban))
      .toReversed()
  }

  /** The ban, or why there can't be one. A ban of the same block is replaced. */
  add({ address, time, reason }: Wanted): BanEntry | string {
    const cidr = parseCidr(address)
    if (cidr === null) return `"${address}" is no IP address or CIDR block`
    const { bytes, bits } = cidr
    const widest = bytes.length === 4 ? WIDEST_V4 : WIDEST_V6
    if (bits < widest) return `${address} is wider than a /${widest}`
    if (this.#never.has(bytes)) return `${address} is in threats.never or a trusted proxy, and those are never banned`
    const now = this.#clock()
    const ban = banOf({ cidr, until: now + time, scenario: ADDED, reason }, now)
    const { who } = ban
    if (!this.#enforce(ban, now)) return 'the table of bans has no room for it (GATEHOUSE_BAN_SLOTS)'
    this.#keep(ban)
    this.#sharing?.made(idOf(ban), ban)
    this.#log().warn(`${who} is banned by its owner`, { until: new Date(ban.until).toISOString(), reason })
    return entryOf(idOf(ban), ban)
  }

  /** Ends every ban of an address, a block or an id, in shadow mode too; that there was one is forgotten. */
  remove(what: string): BanEntry[] {
    const cidr = parseCidr(what)
    const who = cidr === null ? what : textOf(cidr)
    const removed: BanEntry[] = []
    for (const [id, ban] of this.#entries) {
      if (id !== what && !(ban.kind === 'address' && ban.key === who)) continue
      this.#end(ban)
      this.#sharing?.removed(id, ban, this.#clock())
      removed.push(entryOf(id, ban))
    }
    if (removed.length > 0) this.#log().warn(`${removed[0]?.who} is no longer banned, at its owner's word`)
    return removed
  }

  /** '' once what was said so far outlives a restart; else why it may not. */
  async kept(): Promise<string> {
    return (await this.#rows?.kept()) ?? ''
  }

  /** Banned networks that an address or a block is in, besides its own ban: that one ended, these go on. */
  around(what: string): string[] {
    const cidr = parseCidr(what)
    if (cidr === null) return []
    const who = textOf(cidr)
    const networks: string[] = []
    for (const ban of this.holding()) {
      if (ban.kind !== 'address' || ban.mode === 'shadow' || ban.key === who) continue
      const network = parseCidr(ban.key)
      if (network !== null && isWithin(cidr, network)) networks.push(ban.key)
    }
    return networks
  }

  /**
   * Bans a block because others decided so. An owner's ban of it stays in its place, and so does one that ends later.
   * @returns whether it is banned by this decision now
   */
  hold(decided: Decided): boolean {
    const { cidr, until, scenario } = decided
    const now = this.#clock()
    if (cidr.bits === cidr.bytes.length * 8 && this.#never.has(cidr.bytes)) return false
    const ban = banOf(decided, now)
    const id = idOf(ban)
    const known = this.#entries.get(id)
    const holds = known !== undefined && known.until > now ? known : null
    const own = holds?.scenario === scenario
    if (holds !== null && !own && !holds.limited && (holds.scenario === ADDED || holds.until >= until)) return false
    // The table never shortens a ban, nor makes one of a limit.
    if (holds !== null && (holds.until > until || holds.limited)) this.#lift(holds)
    if (!this.#enforce(ban, now)) return false
    // A decision is told again and again, its end reckoned from what is left: that is nothing new.
    if (own && Math.abs(holds.until - until) < SAME) return true
    this.#keep({ ...ban, offences: holds?.offences ?? 0 })
    return true
  }

  /** Ends a block's ban if it is of this scenario. */
  release(scenario: string, who: string): void {
    const ban = this.#entries.get(idOf({ mode: 'enforce', kind: 'address', key: who }))
    if (ban?.scenario === scenario) this.#end(ban)
  }

  /** What a scenario bans. */
  *namesOf(name: string): Iterable<{ who: string; until: number }> {
    for (const { scenario, who, until } of this.holding()) if (scenario === name) yield { who, until }
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #end(ban: BanReport): void {
    const id = idOf(ban)
    this.#lift(ban)
    this.#entries.delete(id)
    this.#rows?.remove(id)
    this.#follower?.lifted(ban)
  }

  #keep(ban: BanReport): void {
    const id = idOf(ban)
    this.#entries.add(id, ban)
    this.#rows?.put(id, ban)
    this.#follower?.held(ban)
    if (this.#entries.size > this.most) this.#forgetOldest()
  }

  /** Not an owner's ban, as in the table: it holds, so it is to be seen and can be ended. */
  #forgetOldest(): void {
    const id = this.#entries.deleteOldest()
    if (id !== null) this.#rows?.remove(id)
  }

  #prune(): void {
    const now = this.#clock()
    for (const [id, { until }] of this.#entries) if (until <= now) this.#entries.delete(id)
  }

  #enforce(ban: BanReport, now: number): boolean {
    const { scenario, offences, limited, until, mode } = ban
    const info = infoOf(scenario, offences, limited) | (scenario === ADDED ? PINNED : 0)
    const space = spaceOf(mode)
    if (ban.kind === 'key') return this.#table.putKey(space, ban.key, seconds(until), info, seconds(now))
    let held = true
    for (const { bytes, bits } of blocks(ban)) {
      held = this.#table.put(space, bytes, bits, seconds(until), info, seconds(now)) && held
    }
    return held
  }

  #lift(ban: BanReport): void {
    const space: Space = spaceOf(ban.mode)
    if (ban.kind === 'key') return this.#table.removeKey(space, ban.key)
    for (const { bytes, bits } of blocks(ban)) this.#table.remove(space, bytes, bits)
  }
}

function blocks({ key }: BanReport): { bytes: Uint8Array; bits: number }[] {
  const cidr = parseCidr(key)
  return cidr === null ? [] : blocksOf(cidr.bytes, cidr.bits)
}

/** A ban of a block that no request led to. */
function banOf({ cidr, until, scenario, reason }: Decided, now: number): BanReport {
  const who = textOf(cidr)
  return {
    kind: 'address',
    key: who,
    who,
    scenario,
    where: '',
    reason,
    at: now,
    until,
    offences: 0,
    remembered: until,
    mode: 'enforce',
    limited: false,
    evidence: []
  }
}

function idOf({ mode, kind, key }: Pick<BanReport, 'mode' | 'kind' | 'key'>): string {
  return createHash('sha256').update(`${mode} ${kind} ${key}`).digest('hex').slice(0, 12)
}

function entryOf(id: string, ban: BanReport): BanEntry {
  const { who, scenario, where, reason, at, until, offences, mode, limited, evidence } = ban
  return {
    id,
    who,
    scenario,
    where,
    reason,
    at: new Date(at).toISOString(),
    until: new Date(until).toISOString(),
    offences,
    mode,
    limited,
    evidence: evidence.map(({ time, ...request }) => ({ time: new Date(time).toISOString(), ...request }))
  }
}
