import { once } from 'node:events'
import { extname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { OPENED, type StoreReply, type StoreRequest, type StoreStart } from './protocol.ts'
import type { Row, SqlValue, Write } from './sqlite.ts'

/** How long a change waits for others to go with it, ms: what `kill -9` can cost, with the batch under way. */
const BATCH = 200
/** After the disk refused a batch, until it is tried again, ms. */
const RETRY = 1_000
/** Writes in one message: making and sending it costs this thread about 2 ms. */
const PART = 2_000
/** Changes that may wait for the disk. More than that are lost, counted and said. */
const MOST_PENDING = 100_000
/** What the database may grow to, bytes. */
const MAX_BYTES = 256 << 20
/** At the end of the process: what the disk gets for the last batch, ms. */
const CLOSE_LIMIT = 1_500

export interface StoreOptions {
  stateDir: string
  /** What the owner should know: the disk refuses writes, takes them again, or a change was lost. */
  onNote: (level: 'info' | 'error', text: string) => void
  /** `startStoreThread`, called before; it is the store's from now on. */
  thread?: Worker
  /** For tests. */
  maxBytes?: number
  mostPending?: number
  closeLimit?: number
}

export interface StoreHealth {
  /** `degraded`: nothing reaches the disk for now. What is held in memory still holds; it is tried again each second. */
  state: 'ok' | 'degraded'
  /** '' when ok. */
  reason: string
  /** Changes that wait for the disk. */
  pending: number
  /** Changes lost since the start because too many waited. */
  dropped: number
  /** Of the database. */
  bytes: number
}

const DEFAULTS = { maxBytes: MAX_BYTES, mostPending: MOST_PENDING, closeLimit: CLOSE_LIMIT }

/** Its code takes a while to load; where the database is may be known later. */
export function startStoreThread(): Worker {
  return new Worker(new URL('./store-thread' + extname(import.meta.url), import.meta.url), { name: 'store' })
}

/**
 * What the control thread keeps over restarts: `state.dir/gatehouse.db`. Every table has its own file here, with the
 * one class that reads and writes it; this one carries their rows to the thread that has the database.
 *
 * A table is read once, at the start, and held in memory by whoever it belongs to. From then on it is only written:
 * changes are gathered by row, so that a count which changes a thousand times a second is written five times.
 */
export class Store {
  readonly #thread: Worker
  readonly #options: Required<StoreOptions>
  readonly #waiting = new Map<number, (reply: StoreReply) => void>()
  /** By table and row: the last word on a row is what counts. */
  #pending = new Map<string, Write>()
  /** Of what was pending: handed to the thread, and not yet in the database. */
  #sending = 0
  #timer: NodeJS.Timeout | undefined
  #underWay: Promise<string | null> = Promise.resolve(null)
  #lastId = OPENED
  #reason = ''
  #dropped = 0
  #bytes = 0
  #ended = false

  /** Rejects with a sentence for the owner when the database can't be used: it is never started without. */
  static async open(options: StoreOptions): Promise<Store> {
    const { thread = startStoreThread() } = options
    const store = new Store({ ...DEFAULTS, ...options, thread })
    const opened = await store.#reply(OPENED)
    if (!opened.ok) {
      await store.#thread.terminate()
      throw new Error(opened.reason)
    }
    store.#bytes = opened.bytes
    return store
  }

  private constructor(options: Required<StoreOptions>) {
    this.#options = options
    this.#thread = options.thread
    this.#thread.on('message', (reply: StoreReply) => {
      this.#waiting.get(reply.id)?.(reply)
      this.#waiting.delete(reply.id)
    })
    this.#thread.on('error', (error) => this.#end(`the store's thread failed: ${error.message}`))
    this.#thread.on('exit', () => this.#end("the store's thread ended"))
    const start: StoreStart = { file: join(options.stateDir, 'gatehouse.db'), maxBytes: options.maxBytes }
    this.#thread.postMessage(start)
  }

  /** Nothing answers any more. */
  #end(reason: string): void {
    if (this.#ended) return
    this.#ended = true
    for (const [id, answer] of this.#waiting) answer({ id, ok: false, reason })
    this.#waiting.clear()
  }

  #reply(id: number): Promise<StoreReply> {
    if (this.#ended) return Promise.resolve({ id, ok: false, reason: "the store's thread has ended" })
    return new Promise((resolve) => this.#waiting.set(id, resolve))
  }

  #ask(request: (id: number) => StoreRequest): Promise<StoreReply> {
    const id = ++this.#lastId
    const reply = this.#reply(id)
    if (!this.#ended) this.#thread.postMessage(request(id))
    return reply
  }

  /** What `sql` selects, all that was written before included. Rejects when it can't be read. */
  async rows(sql: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    if (this.#pending.size > 0) await this.#drain(false)
    const reply = await this.#ask((id) => ({ id, type: 'rows', sql, values }))
    if (!reply.ok) throw new Error(`${this.#file} can't be read: ${reply.reason}`)
    return reply.rows
  }

  get #file(): string {
    return join(this.#options.stateDir, 'gatehouse.db')
  }

  /**
   * Changes one row, at the latest 200 ms from now, or when the disk takes it again. Never blocks, never throws.
   *
   * @param row what tells it from the others of its table: a later change of the same row takes the place of one that waits
   */
  write(table: string, row: string, sql: string, values: readonly SqlValue[]): void {
    const key = `${table}\0${row}`
    if (this.#pending.size >= this.#options.mostPending && !this.#pending.has(key)) {
      if (this.#dropped++ === 0) {
        this.#options.onNote('error', `${this.#file}: ${this.#pending.size} changes wait for the disk; more are lost`)
      }
      return
    }
    this.#pending.set(key, { sql, values })
    this.#timer ??= setTimeout(() => void this.#drain(false), this.#reason === '' ? BATCH : RETRY)
  }

  /**
   * Resolves when everything written so far is on the disk, safe from a loss of power too.
   *
   * @returns null, or why the disk did not take it; it is tried again until it does
   */
  flush(): Promise<string | null> {
    return this.#drain(true)
  }

  #drain(durable: boolean): Promise<string | null> {
    this.#underWay = this.#underWay.then(() => this.#sendPending(durable))
    return this.#underWay
  }

  async #sendPending(durable: boolean): Promise<string | null> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const batch = [...this.#pending]
    this.#pending = new Map()
    this.#sending = batch.length
    for (let at = 0; at < batch.length; at += PART) {
      const writes = batch.slice(at, at + PART).map(([, write]) => write)
      const reply = await this.#ask((id) => ({ id, type: 'write', writes, durable }))
      if (!reply.ok) {
        // What was changed meanwhile is newer than what failed.
        this.#pending = new Map([...batch.slice(at), ...this.#pending])
        this.#sending = 0
        // Without its thread no attempt would ever succeed, and the timer would keep a process from ending.
        if (!this.#ended) this.#timer ??= setTimeout(() => void this.#drain(false), RETRY)
        this.#degrade(reply.reason)
        return reply.reason
      }
      this.#sending = batch.length - Math.min(at + PART, batch.length)
      this.#bytes = reply.bytes
      if (reply.putBack) {
        this.#options.onNote('error', `${this.#file} was removed while it was in use: it is put back, with all it held`)
      }
      for (const reason of reply.refused) this.#options.onNote('error', `a change could not be kept: ${reason}`)
    }
    if (batch.length > 0 && this.#reason !== '') {
      this.#reason = ''
      this.#options.onNote('info', `${this.#file} is written again`)
    }
    return null
  }

  #degrade(reason: string): void {
    if (reason === this.#reason) return
    this.#reason = reason
    this.#options.onNote(
      'error',
      `${this.#file} can't be written: ${reason}. Bans, quotas and revocations hold, but changes of them don't outlive a restart until it can`
    )
  }

  health(): StoreHealth {
    return {
      state: this.#reason === '' ? 'ok' : 'degraded',
      reason: this.#reason,
      pending: this.#pending.size + this.#sending,
      dropped: this.#dropped,
      bytes: this.#bytes
    }
  }

  /** Writes what waits and closes the database; gives up on a disk that takes too long. */
  async close(): Promise<void> {
    const late = new AbortController()
    const limit = setTimeout(() => late.abort(), this.#options.closeLimit)
    const done = this.flush().then(() => this.#ask((id) => ({ id, type: 'close' })))
    await Promise.race([done, once(late.signal, 'abort')])
    clearTimeout(limit)
    clearTimeout(this.#timer)
    await this.#thread.terminate()
  }
}
