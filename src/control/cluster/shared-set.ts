/**
 * A set of things that hold on all hosts until they end: bans, revocations. The store keeps it by id, with the order of
 * its changes beside it. A host that has followed reads what changed since; one that comes, or was away for longer than
 * the changes are remembered, reads all of it, and puts in what it holds itself and the set lacks: a store that lost its
 * memory gets it back from any host. What was taken back stays in the set as such until it would have ended, so that
 * a host which comes later takes it back, too.
 */
import type { Connection } from '../../cluster/connection.ts'
import { CHANGES, PAGE, PUBLISH } from '../../cluster/scripts.ts'

/** Changes waiting for a store that is away; of more, the oldest are found again when it is compared. */
const MOST_WAITING = 10_000
const MOST_IN_SCRIPT = 200
/** Of an item, characters: none is larger, so one that is was written by somebody else. */
const LARGEST_ITEM = 32_768
const PATIENCE = 1000

/** One of the things, as the store keeps it. */
export interface SharedItem {
  id: string
  /** ms since the epoch. */
  until: number
  /** When it was made or taken back: the later word counts. */
  at: number
  /** null: it was taken back. */
  value: unknown
}

export interface SharedSetOptions {
  /** The hosts' name for it. */
  name: string
  prefix: string
  connection: Connection
  /** What this host holds, to be shared. */
  held: () => SharedItem[]
  /** Another host's. False when it can't be used. */
  receive: (item: SharedItem) => boolean
  received: () => void
  now?: () => number
}

export class SharedSet {
  readonly #options: SharedSetOptions
  readonly #keys: string[]
  readonly #waiting = new Map<string, SharedItem>()
  /** What this host knows of each: the newest `at`, so that its own word and old ones change nothing. */
  readonly #known = new Map<string, { at: number; until: number }>()
  #forgetAt = MOST_WAITING
  #seen = ''
  #underWay = false
  /** Items of the store that could not be used, since the start. */
  unusable = 0

  constructor(options: SharedSetOptions) {
    this.#options = options
    const { prefix, name } = options
    this.#keys = ['', ':ends', ':changes'].map((part) => `${prefix}:{${name}}${part}`)
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Ids it remembers the newest word on. */
  get known(): number {
    return this.#known.size
  }

  /** To be told to the others at the next round. */
  publish(item: SharedItem): void {
    this.#known.set(item.id, { at: item.at, until: item.until })
    this.#waiting.delete(item.id)
    this.#waiting.set(item.id, item)
    if (this.#waiting.size <= MOST_WAITING) return
    const [oldest] = this.#waiting.keys()
    if (oldest !== undefined) this.#waiting.delete(oldest)
  }

  /** Once an interval. Rejects when the store doesn't answer; what it was to be told waits for the next. */
  async round(): Promise<void> {
    if (this.#underWay) return
    this.#underWay = true
    try {
      await this.#send()
      await this.#follow()
      this.#forget()
    } finally {
      this.#underWay = false
    }
  }

  /** What has ended, once there may be as much of it as of the rest. */
  #forget(): void {
    if (this.#known.size < this.#forgetAt) return
    const { now = Date.now } = this.#options
    for (const [id, { until }] of this.#known) if (until <= now()) this.#known.delete(id)
    this.#forgetAt = Math.max(MOST_WAITING, 2 * this.#known.size)
  }

  async #send(): Promise<void> {
    const { connection, now = Date.now } = this.#options
    while (this.#waiting.size > 0) {
      const items = [...this.#waiting.values()].slice(0, MOST_IN_SCRIPT)
      const holding = items.filter(({ until }) => until > now())
      const args = holding.flatMap((item) => [item.id, String(Math.ceil(item.until)), JSON.stringify(item)])
      if (args.length > 0) await connection.run(PUBLISH, this.#keys, args, PATIENCE)
      // Unless it changed again meanwhile.
      for (const item of items) if (this.#waiting.get(item.id) === item) this.#waiting.delete(item.id)
    }
  }

  async #follow(): Promise<void> {
    const answer = await this.#options.connection.run(CHANGES, this.#keys, [this.#seen], PATIENCE)
    const [newest = '', how = '', ...changes] = texts(answer)
    if (how === 'all') await this.#compare()
    else for (let i = 0; i + 1 < changes.length; i += 2) this.#take(changes[i] ?? '', changes[i + 1] ?? '')
    this.#seen = newest
  }

  async #compare(): Promise<void> {
    const { connection, held, now = Date.now } = this.#options
    const there = new Set<string>()
    let cursor = '0'
    do {
      const [next = '0', ...page] = texts(await connection.run(PAGE, this.#keys, [cursor], PATIENCE))
      for (let i = 0; i + 1 < page.length; i += 2) {
        there.add(page[i] ?? '')
        this.#take(page[i] ?? '', page[i + 1] ?? '')
      }
      cursor = next
    } while (cursor !== '0')
    for (const item of held()) if (!there.has(item.id) && item.until > now()) this.publish(item)
    await this.#send()
  }

  #take(id: string, text: string): void {
    const { receive, received, now = Date.now } = this.#options
    const item = itemOf(id, text)
    if (item === null) return void this.unusable++
    const known = this.#known.get(id)
    if (item.until <= now() || (known !== undefined && known.at >= item.at)) return
    this.#known.set(id, { at: item.at, until: item.until })
    if (receive(item)) received()
    else this.unusable++
  }
}

function texts(answer: unknown): string[] {
  if (!Array.isArray(answer)) throw new TypeError('the store answered something else')
  return answer.map(String)
}

/** Whoever can write to the store may write anything. */
function itemOf(id: string, text: string): SharedItem | null {
  if (text.length > LARGEST_ITEM) return null
  let item: unknown
  try {
    item = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof item !== 'object' || item === null) return null
  const { until, at, value = null } = item as Partial<SharedItem>
  const sound = Number.isFinite(until) && Number.isFinite(at) && (item as Partial<SharedItem>).id === id
  return sound && typeof until === 'number' && typeof at === 'number' ? { id, until, at, value } : null
}
