/**
 * What all hosts of a cluster hash keys with, so that a key is the same on each of them, and nobody outside can tell
 * whose it is or choose one that falls on another's slot. Either made of `cluster.secret`; or drawn by the first host and
 * left in the store, and kept in a file here for a start without it.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ClusterPlan } from '../../plan/cluster.ts'

const BYTES = 16
const FILE = 'cluster-seed'
const HEX = /^[0-9a-f]{32}$/

export class ClusterSeed {
  readonly #file: string
  readonly #fixed: boolean
  /** 32 hex digits. */
  #value: string

  constructor({ secret }: ClusterPlan, stateDir: string) {
    this.#file = join(stateDir, FILE)
    this.#fixed = secret !== ''
    this.#value = this.#fixed ? derived(secret) : (readKept(this.#file) ?? randomBytes(BYTES).toString('hex'))
  }

  get value(): string {
    return this.#value
  }

  get bytes(): Uint8Array {
    return Buffer.from(this.#value, 'hex')
  }

  /**
   * What the store holds is what the others use.
   *
   * @returns whether this host must change to it
   * @throws Error when it can't be kept
   */
  told(seed: string): boolean {
    if (this.#fixed || !HEX.test(seed)) return false
    const changed = seed !== this.#value
    this.#value = seed
    writeFileSync(this.#file, `${seed}\n`, { mode: 0o600 })
    return changed
  }
}

function derived(secret: string): string {
  return createHmac('sha256', secret)
    .update('gatehouse: keys of the cluster')
    .digest('hex')
    .slice(0, BYTES * 2)
}

function readKept(file: string): string | null {
  try {
    const text = readFileSync(file, 'latin1').trim()
    return HEX.test(text) ? text : null
  } catch {
    return null
  }
}
