import type { RevocationChange } from '../../messages.ts'
import type { RevocationPlan } from '../../plan/revocation.ts'
import { AdminProblem } from '../admin/resource.ts'
import { whyNotKept } from '../store/kept.ts'
import type { RevocationTable } from '../store/revocations.ts'

/** Made at run time, at once. Each is held by every worker, some 400 bytes. */
const MOST_REVOCATIONS = 10_000
/** How often those whose time is over are let go, ms. Workers judge each by its own time. */
const SWEEP = 60_000

export interface RevocationOptions {
  table: RevocationTable
  /** Resolves when every worker holds it; rejects with who doesn't. */
  send: (change: RevocationChange) => Promise<void>
  /** Resolves with null when all that was written is on the disk, else with why not. */
  flush: () => Promise<string | null>
  /** For tests. */
  most?: number
}

/** One that holds, for the owner. */
export interface ListedRevocation extends RevocationPlan {
  origin: 'configuration' | 'runtime'
  /** ms since the epoch; null for those of the configuration. */
  added: number | null
}

/** How a change went. It holds on every worker. */
export interface RevocationVerdict {
  /** '' when it outlives a restart; else why it may not. */
  notKept: string
}

export type Added = RevocationPlan & { added: number }

/** Who else is to know of them: the other hosts of a cluster. Times in ms since the epoch. */
export interface RevocationSharing {
  added(entry: RevocationPlan, at: number): void
  removed(entry: RevocationPlan, at: number): void
}

/** All revocations: those of the configuration that serves, and those that the owner made meanwhile. */
export class RevocationRegistry {
  readonly #options: Required<RevocationOptions>
  readonly #added = new Map<string, Added>()
  readonly #sweep: NodeJS.Timeout
  #configured: readonly RevocationPlan[] = []
  #sharing: RevocationSharing | null = null

  constructor(options: RevocationOptions) {
    this.#options = { most: MOST_REVOCATIONS, ...options }
    this.#sweep = setInterval(() => this.#drop(Date.now()), SWEEP).unref()
  }

  /** Brings back what was made before the restart. Rejects when it can't be read. */
  async start(): Promise<void> {
    for (const row of await this.#options.table.all(Date.now())) {
      this.#added.set(row.id, { ...row, where: 'control socket' })
    }
    // Workers that came before get it ahead of their first generation, which is what counts; they may still be loading.
    this.#options.send(this.whole()).catch(() => {})
  }

  /** What a worker must hold before it serves. */
  whole(): RevocationChange {
    return { add: [...this.#added.values()].map(withoutTime), remove: [], whole: true }
  }

  /** A generation took over, its revocations with it. */
  use(configured: readonly RevocationPlan[]): void {
    this.#configured = configured
  }

  share(sharing: RevocationSharing): void {
    this.#sharing = sharing
  }

  /** Those made at run time, here or elsewhere. */
  held(): Added[] {
    return [...this.#added.values()]
  }

  /** Another host's. False: there is no room for it. */
  receive(entry: RevocationPlan, at: number): boolean {
    if (this.#added.size >= this.#options.most && !this.#added.has(entry.id)) return false
    const added = { ...entry, added: at }
    this.#added.set(entry.id, added)
    this.#options.table.put(added)
    // A worker that is slow to confirm takes it before its next request all the same.
    this.#options.send({ add: [entry], remove: [], whole: false }).catch(() => {})
    return true
  }

  /** Another host's owner has taken one back. */
  takenBack(id: string): boolean {
    if (!this.#added.delete(id)) return true
    this.#options.table.remove(id)
    this.#options.send({ add: [], remove: [id], whole: false }).catch(() => {})
    return true
  }

  counts(): { configuration: number; runtime: number; most: number } {
    return { configuration: this.#configured.length, runtime: this.#added.size, most: this.#options.most }
  }

  list(now: number): ListedRevocation[] {
    const configured = this.#configured.map((entry) => ({ ...entry, origin: 'configuration' as const, added: null }))
    const added = [...this.#added.values()].map((entry) => ({ ...entry, origin: 'runtime' as const }))
    return [...configured, ...added].filter(({ until }) => until > now)
  }

  /**
   * Resolves when it holds on every worker. The same selection once more gets the newer end and reason.
   *
   * @throws AdminProblem 409 when there are too many, 504 when a worker did not answer
   */
  async add(entry: RevocationPlan, now: number): Promise<RevocationVerdict> {
    this.#drop(now)
    const { most, table } = this.#options
    if (this.#added.size >= most && !this.#added.has(entry.id)) {
      throw new AdminProblem(
        409,
        `${most} revocations were made at run time, the most there may be: remove some, revoke a consumer, a subject or a time of issue in one, or write them in the configuration's revocations`
      )
    }
    const added = { ...entry, added: now }
    this.#added.set(entry.id, added)
    table.put(added)
    this.#sharing?.added(entry, now)
    return this.#distribute({ add: [entry], remove: [], whole: false })
  }

  /**
   * Resolves when no worker holds it any more.
   *
   * @throws AdminProblem 404 when there is none of that id, 409 when it stands in the configuration only
   */
  async remove(id: string): Promise<RevocationVerdict & { removed: RevocationPlan; still: string }> {
    const entry = this.#added.get(id)
    const configured = this.#configured.find((each) => each.id === id)
    if (entry === undefined) {
      if (configured === undefined) throw new AdminProblem(404, `no revocation has the id ${id}`)
      throw new AdminProblem(409, `${id} stands in the configuration: remove it there, ${configured.where}`)
    }
    this.#added.delete(id)
    this.#options.table.remove(id)
    this.#sharing?.removed(withoutTime(entry), Math.max(Date.now(), entry.added + 1))
    const verdict = await this.#distribute({ add: [], remove: [id], whole: false })
    return { ...verdict, removed: withoutTime(entry), still: configured?.where ?? '' }
  }

  async #distribute(change: RevocationChange): Promise<RevocationVerdict> {
    const kept = whyNotKept(this.#options.flush())
    try {
      await this.#options.send(change)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new AdminProblem(504, `${reason}; the others hold the change, and it takes it before its next request`)
    }
    return { notKept: await kept }
  }

  #drop(now: number): void {
    const over = [...this.#added.values()].filter(({ until }) => until <= now)
    if (over.length === 0) return
    for (const { id } of over) {
      this.#added.delete(id)
      this.#options.table.remove(id)
    }
    // One that comes too late for it changes nothing: the worker judges by the time as well.
    this.#options.send({ add: [], remove: over.map(({ id }) => id), whole: false }).catch(() => {})
  }

  close(): void {
    clearInterval(this.#sweep)
  }
}

function withoutTime({ added: _, ...entry }: Added): RevocationPlan {
  return entry
}
