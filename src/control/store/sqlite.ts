/**
 * SQLite, as the store's thread uses it. The only importer of node:sqlite: nothing of its types leaves this room, so
 * that another engine can take its place here.
 */
import { closeSync, fchmodSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { EXPIRY, MIGRATIONS } from './schema.ts'

export type SqlValue = string | number | bigint | null | Uint8Array

/** One statement that changes one row. */
export interface Write {
  readonly sql: string
  readonly values: readonly SqlValue[]
}

export type Row = Record<string, SqlValue>

const PAGE = 4096
/** Of the log of changes that a checkpoint has emptied, bytes: a burst doesn't keep the disk it took. */
const WAL_LIMIT = 16 << 20

/**
 * One connection, whose calls block: for a thread of its own.
 *
 * Durability: in WAL mode a commit is one `write` to the log, so what was committed outlives the end of the process,
 * `kill -9` too. `synchronous=NORMAL` leaves fsync to the checkpoints: after a loss of power the file is whole, and
 * the commits since the last checkpoint may be missing. A durable batch is committed under FULL, which waits for fsync.
 */
export class Database {
  readonly #file: string
  readonly #maxBytes: number
  #db: DatabaseSync
  /** Tells the file that is open from another at its place. */
  #identity: string | null
  readonly #statements = new Map<string, StatementSync>()

  /**
   * Opens `file`, makes it if need be, and brings its tables up to date.
   *
   * @param maxBytes what it may grow to
   * @throws a sentence for the owner when it can't be used as it is: never a reason to start without what it holds
   */
  constructor(file: string, maxBytes: number) {
    this.#file = file
    this.#maxBytes = maxBytes
    this.#db = this.#open()
    this.#identity = identityOf(file)
  }

  #open(): DatabaseSync {
    try {
      openPrivately(this.#file)
      const Constructor = constructorOf()
      this.#db = new Constructor(this.#file)
    } catch (error) {
      throw new Error(`${this.#file} can't be opened: ${messageOf(error)}`)
    }
    try {
      this.#prepare(this.#maxBytes)
    } catch (error) {
      this.#db.close()
      throw new Error(`${this.#file} ${complaint(error)}`)
    }
    return this.#db
  }

  /**
   * Puts the file back where somebody removed it: it is open still, and nothing of it is lost.
   *
   * @returns whether it had to
   * @throws when it can't, or another file stands at its place
   */
  putBack(): boolean {
    const found = identityOf(this.#file)
    if (found === this.#identity) return false
    if (found !== null) throw new Error('another file took its place while it was open: a restart takes up that one')
    const copy = `${this.#file}.back`
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 })
    rmSync(copy, { force: true })
    openPrivately(copy)
    this.#db.prepare('VACUUM INTO ?').run(copy)
    // A log of changes left there is of the file that is gone, and the copy has all of it.
    rmSync(`${this.#file}-wal`, { force: true })
    renameSync(copy, this.#file)
    this.#statements.clear()
    this.#db.close()
    this.#db = this.#open()
    this.#identity = identityOf(this.#file)
    return true
  }

  #prepare(maxBytes: number): void {
    // Held from the first read to the end, by one process: no other changes a row under us, and no file in shared
    // memory is needed beside it.
    this.#db.exec('PRAGMA locking_mode = EXCLUSIVE')
    this.#db.exec('PRAGMA journal_mode = WAL')
    this.#db.exec('PRAGMA synchronous = NORMAL')
    this.#db.exec(`PRAGMA journal_size_limit = ${WAL_LIMIT}`)
    this.#db.exec(`PRAGMA max_page_count = ${Math.ceil(maxBytes / PAGE)}`)
    const verdict = this.rows('PRAGMA quick_check(1)', [])[0]?.quick_check
    if (verdict !== 'ok') throw new Damaged(String(verdict))
    this.#migrate()
  }

  #migrate(): void {
    const version = Number(this.rows('PRAGMA user_version', [])[0]?.user_version ?? 0)
    if (version > MIGRATIONS.length) throw new FromTheFuture(version)
    MIGRATIONS.slice(version).forEach((sql, i) => {
      this.#db.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${version + i + 1}; COMMIT`)
    })
  }

  /**
   * All of `writes` in one transaction, in order.
   *
   * @param durable wait until the disk has it
   * @returns why single ones were left out: a fault of the program's, which must not hold up the others for ever
   * @throws when the disk doesn't take it; then none of them is in
   */
  apply(writes: readonly Write[], durable: boolean): string[] {
    const refused: string[] = []
    // Can't be changed within a transaction.
    if (durable) this.#db.exec('PRAGMA synchronous = FULL')
    try {
      this.#db.exec('BEGIN IMMEDIATE')
      for (const { sql, values } of writes) {
        try {
          this.#statement(sql).run(...values)
        } catch (error) {
          if (isOfTheDisk(error)) throw error
          refused.push(`${messageOf(error)}: ${sql}`)
        }
      }
      this.#db.exec('COMMIT')
    } catch (error) {
      // SQLite has rolled back by itself after some errors, and not after others.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    } finally {
      if (durable) this.#db.exec('PRAGMA synchronous = NORMAL')
    }
    return refused
  }

  rows(sql: string, values: readonly SqlValue[]): Row[] {
    return this.#statement(sql).all(...values) as Row[]
  }

  /** Drops the rows that have had their time. `now`: ms since the epoch. */
  expire(now: number): void {
    this.apply(
      EXPIRY.map((sql) => ({ sql, values: [now] })),
      false
    )
  }

  /** Of the tables, without the log of changes. */
  get bytes(): number {
    return Number(this.rows('PRAGMA page_count', [])[0]?.page_count ?? 0) * PAGE
  }

  close(): void {
    this.#db.close()
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) this.#statements.set(sql, (statement = this.#db.prepare(sql)))
    return statement
  }
}

class Damaged extends Error {}

class FromTheFuture extends Error {
  constructor(version: number) {
    super(`has tables of version ${version}, and this Gatehouse knows ${MIGRATIONS.length}: a newer one made it`)
  }
}

function identityOf(file: string): string | null {
  const found = statSync(file, { bigint: true, throwIfNoEntry: false })
  return found === undefined ? null : `${found.dev}:${found.ino}`
}

/** Made by us, for this user alone, before SQLite puts anything in it; its other files get the same mode. */
function openPrivately(file: string): void {
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) throw new Error('it is a directory')
  const fd = openSync(file, 'a+', 0o600)
  try {
    fchmodSync(fd, 0o600)
  } finally {
    closeSync(fd)
  }
}

/** Node 22 writes a warning about its experimental module on stderr, once, when it is loaded: not the owner's business. */
function constructorOf(): typeof DatabaseSync {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return process.getBuiltinModule('node:sqlite').DatabaseSync
  } finally {
    process.emitWarning = emitWarning
  }
}

/** Primary result codes, https://www.sqlite.org/rescode.html */
const BUSY = 5
const CORRUPT = 11
const NOTADB = 26
/** BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT FULL CANTOPEN PROTOCOL NOTADB: the next statement would fail too. */
const OF_THE_DISK: ReadonlySet<number> = new Set([BUSY, 6, 7, 8, 9, 10, CORRUPT, 13, 14, 15, NOTADB])

function isOfTheDisk(error: unknown): boolean {
  return OF_THE_DISK.has(codeOf(error))
}

function codeOf(error: unknown): number {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0
}

function complaint(error: unknown): string {
  const code = codeOf(error)
  if (error instanceof FromTheFuture) return error.message
  if (code === BUSY) return 'is in use by another program'
  if (error instanceof Damaged || code === CORRUPT || code === NOTADB) {
    return `is damaged (${messageOf(error)}). It holds bans, quotas and revocations: bring back a copy of it, or move it away to start without them`
  }
  return `can't be used: ${messageOf(error)}`
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
