/** What the control thread and the store's thread say to each other. */
import type { Row, SqlValue, Write } from './sqlite.ts'

/** The first word to the store's thread. */
export interface StoreStart {
  file: string
  maxBytes: number
}

export type StoreRequest =
  | { id: number; type: 'write'; writes: readonly Write[]; durable: boolean }
  | { id: number; type: 'rows'; sql: string; values: readonly SqlValue[] }
  | { id: number; type: 'close' }

/** Answers come in the order of the requests. */
export type StoreReply =
  | {
      id: number
      ok: true
      rows: Row[]
      /** What was left out of a batch, and why. */
      refused: string[]
      /** The file had been removed, and is there again. */
      putBack: boolean
      /** Of the database. */
      bytes: number
    }
  | { id: number; ok: false; reason: string }

/** The first word of the thread: the database is open, or why it can't be (`ok: false`). */
export const OPENED = 0
