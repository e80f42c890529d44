import { parseCidr, type Cidr } from '../../ip.ts'
import { IpSet } from '../../ip-set.ts'
import type { BanReport } from '../../ban.ts'
import type { Log } from '../../observe/log.ts'
import type { ListenerPlan } from '../../plan/listener.ts'
import type { ThreatsPlan } from '../../plan/threats.ts'
import type { BanFollower } from './book.ts'
import { holdsCrowd } from './crowds.ts'
import type { FirewallReport } from '../admin/report.ts'
import type { Nft } from './nft.ts'
import { elementOf, emptyTable, newSet, presence, REMOVE, setElements, type SetName } from './ruleset.ts'
import { isCertain } from '../../threats/tag.ts'

/** What the firewall needs of a plan. */
export interface FirewallPlan {
  threats: Pick<ThreatsPlan, 'mode' | 'never' | 'blockAt'>
  listeners: readonly Pick<ListenerPlan, 'client'>[]
}

export interface FirewallAround {
  nft: Nft
  log: () => Log
  /** Bans that hold, in the order in which they were made. */
  holding: () => Iterable<BanReport>
  /** Whether several identities use a client's address, by its key. */
  isCrowd: (key: string) => boolean
  /** Bans kept in the kernel at most; further ones are refused by the gateway alone. */
  most: number
  /** ms since the epoch; for tests. */
  clock?: () => number
  /** Between a change and its run, so that what comes together goes together; ms. */
  pause?: number
  /** Between a run that failed and the next, doubled with each further one up to a minute; ms. */
  retry?: number
  /** Between two looks whether the kernel's table is still there; ms. */
  look?: number
}

/** Elements in one run of nft: a tenth of a second. */
const BATCH = 10_000
const PAUSE = 50
const RETRY = 1_000
const LONGEST_RETRY = 60_000
/** Between two looks whether the table is still there: others' scripts begin with `flush ruleset`. */
const LOOK = 30_000
/** nft keeps times in ms, and a ban "for ever" is a long one: ten years. */
const LONGEST = 315_360_000

/**
 * Keeps the kernel's sets as the bans are. The ban table refuses whatever happens here: this only spares the gateway
 * the packets. Whenever the kernel's state is not known for sure (at the start, after a failure, after a change of what
 * is never banned), the table is made anew and filled from all bans that hold.
 */
export class Firewall implements BanFollower {
  readonly #around: Required<FirewallAround>
  /** null: `blockAt` is the gateway. */
  #plan: FirewallPlan | null = null
  #ports: readonly number[] = []
  #never = new IpSet([])
  /** Widest prefix that makes one client of an IPv6 network, over all listeners: the most clients. */
  #v6Prefix = 64
  /** Blocks by their text, with the end of the ban in ms, as they are or will be in the kernel. */
  readonly #blocks = new Map<string, number>()
  /** Blocks whose state in the kernel isn't that of `#blocks` yet. */
  readonly #changed = new Set<string>()
  #sets = new Set<SetName>()
  #rebuild = false
  #running: Promise<void> | null = null
  #timer: NodeJS.Timeout | undefined
  readonly #looking: NodeJS.Timeout
  #failures = 0
  #failuresInARow = 0
  #error: string | null = null
  #closed = false

  constructor(around: FirewallAround) {
    this.#around = { clock: Date.now, pause: PAUSE, retry: RETRY, look: LOOK, ...around }
    this.#looking = setInterval(() => this.#look(), this.#around.look).unref()
  }

  /** Whether a plan can be used: rejects with what the owner must do. Changes nothing. */
  async prepare({ threats, listeners }: FirewallPlan): Promise<void> {
    if (threats.blockAt !== 'nftables') return
    const ports = listeners.map((_, i) => this.#ports[i] ?? 1)
    try {
      await this.#around.nft(emptyTable(ports, threats.never), true)
    } catch (error) {
      throw new Error(`threats.blockAt: nftables: ${messageOf(error)}`, { cause: error })
    }
  }

  /**
   * A generation serves. Resolves when the kernel is as it says, or was found not to be obeying; that is logged and
   * tried again.
   * @param ports of the listeners, as bound
   */
  use({ threats, listeners }: FirewallPlan, ports: readonly number[]): Promise<void> {
    const plan = threats.blockAt === 'nftables' ? { threats, listeners } : null
    const before = this.#plan
    if (sameFor(before, plan) && sameFor(this.#ports, ports)) return Promise.resolve()
    this.#plan = plan
    this.#ports = ports
    if (before === null && plan === null) return Promise.resolve()
    this.#never = new IpSet(threats.never)
    this.#v6Prefix = Math.max(...listeners.map(({ client }) => client.ipv6Prefix))
    this.#rebuild = true
    return this.#run()
  }

  held(ban: BanReport): void {
    if (this.#plan === null || ban.kind !== 'address' || ban.mode === 'shadow') return
    if (this.#put(ban)) this.#change(ban.key)
    else if (this.#blocks.delete(ban.key)) this.#change(ban.key)
  }

  lifted(ban: BanReport): void {
    if (ban.kind !== 'address' || ban.mode === 'shadow') return
    if (this.#blocks.delete(ban.key)) this.#change(ban.key)
  }

  /** null: bans are the gateway's alone. */
  report(): FirewallReport | null {
    if (this.#plan === null) return null
    return { bans: this.#blocks.size, failures: this.#failures, error: this.#error }
  }

  /** Takes the table out of the kernel: nobody would end its bans once the gateway has stopped. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    clearInterval(this.#looking)
    await this.#running
    if (this.#plan !== null) await this.#around.nft(REMOVE)
  }

  /** @returns whether the ban belongs into the kernel */
  #put(ban: BanReport): boolean {
    const cidr = parseCidr(ban.key)
    if (cidr === null || !this.#belongs(ban, cidr)) return false
    if (this.#blocks.size >= this.#around.most && !this.#blocks.has(ban.key)) return false
    this.#blocks.set(ban.key, ban.until)
    return true
  }

  /** The kernel must not be harder on anybody than the gateway is. */
  #belongs(ban: BanReport, cidr: Cidr): boolean {
    if (this.#plan?.threats.mode !== 'enforce' || ban.limited || ban.until <= this.#around.clock()) return false
    // A network that holds some who are never banned goes in: their packets pass before it is asked.
    if (cidr.bits === cidr.bytes.length * 8 && this.#never.has(cidr.bytes)) return false
    return isCertain(ban.scenario) || !holdsCrowd(cidr, this.#v6Prefix, this.#around.isCrowd)
  }

  #change(block: string): void {
    this.#changed.add(block)
    if (this.#running === null) this.#after(this.#around.pause)
  }

  #after(delay: number): void {
    if (this.#closed || this.#timer !== undefined) return
    this.#timer = setTimeout(() => void this.#run(), delay)
  }

  #run(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#running ??= this.#bringInLine().finally(() => {
      this.#running = null
      if (this.#failuresInARow > 0) {
        this.#after(Math.min(LONGEST_RETRY, this.#around.retry * 2 ** (this.#failuresInARow - 1)))
      } else if (this.#rebuild || this.#changed.size > 0) this.#after(this.#around.pause)
    })
    return this.#running
  }

  async #bringInLine(): Promise<void> {
    try {
      do {
        const script = this.#nextScript()
        if (script !== '') await this.#around.nft(script)
      } while ((this.#changed.size > 0 || this.#rebuild) && !this.#closed)
      if (this.#failuresInARow > 0) this.#around.log().info('bans are in the kernel again')
      this.#failuresInARow = 0
      this.#error = null
    } catch (error) {
      this.#rebuild = true
      this.#failures++
      this.#error = messageOf(error)
      if (this.#failuresInARow++ === 0)
        this.#around.log().error('bans are not in the kernel: the gateway goes on refusing', { reason: this.#error })
    }
  }

  #nextScript(): string {
    let script = ''
    if (this.#rebuild) {
      this.#rebuild = false
      this.#blocks.clear()
      this.#changed.clear()
      this.#sets = new Set()
      if (this.#plan === null) return REMOVE
      script = emptyTable(this.#ports, this.#plan.threats.never)
      for (const ban of this.#around.holding()) {
        if (ban.kind === 'address' && ban.mode === 'enforce' && this.#put(ban)) this.#changed.add(ban.key)
      }
    }
    return script + this.#changes()
  }

  #changes(): string {
    const now = this.#around.clock()
    const bySet = new Map<SetName, { address: string; seconds: number }[]>()
    let taken = 0
    for (const block of this.#changed) {
      this.#changed.delete(block)
      const cidr = parseCidr(block)
      if (cidr === null) continue
      const { set, address } = elementOf(cidr)
      const until = this.#blocks.get(block) ?? 0
      const seconds = Math.min(LONGEST, Math.max(0, Math.ceil((until - now) / 1000)))
      const changes = bySet.get(set)
      if (changes) changes.push({ address, seconds })
      else bySet.set(set, [{ address, seconds }])
      if (++taken === BATCH) break
    }
    return [...bySet].map(([set, changes]) => this.#declare(set) + setElements(set, changes)).join('')
  }

  #declare(set: SetName): string {
    if (this.#sets.has(set)) return ''
    this.#sets.add(set)
    return newSet(set)
  }

  #look(): void {
    // The kernel has let go of these by itself.
    const now = this.#around.clock()
    for (const [block, until] of this.#blocks) if (until <= now) this.#blocks.delete(block)
    if (this.#plan === null || this.#running !== null || this.#failuresInARow > 0) return
    this.#around.nft(presence(this.#ports), true).catch(() => {
      this.#around.log().warn('the table of bans is gone from the kernel, and is made anew')
      this.#rebuild = true
      return this.#run()
    })
  }
}

function sameFor(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
