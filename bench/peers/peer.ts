/** Something that listens, is loaded, and whose processor time is counted. */
import { truncateSync } from 'node:fs'
import type { Program } from '../processes.ts'

export interface Peer {
  /** As the tables call it. */
  readonly name: string
  readonly port: number
  readonly program: Program
  /** Compiles its code as it runs: what it answers first costs more than what is to be measured. */
  readonly compiles: boolean
  /** Files it writes to under load; emptied between rounds. */
  readonly logs: readonly string[]
}

/** Millions of access lines would fill the disk: everybody appends, so a shortened file just grows again. */
export function emptyLogs(peer: Peer): void {
  for (const log of peer.logs) {
    try {
      truncateSync(log)
    } catch {
      // Not written to yet.
    }
  }
}
