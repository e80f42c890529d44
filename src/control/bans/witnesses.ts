import { EVIDENCE_SHOWN, type BanReport, type Bucket, type Evidence } from '../../ban.ts'
import type { BanBook } from './book.ts'

/** How long the log and the other hosts wait for what a worker has seen, ms. One that is blocked may take longer. */
const PATIENCE = 500
/** Bans that are being explained at a time. Of more, only what the deciding worker saw is shown. */
const MOST = 1_000

export interface WitnessesOptions {
  book: Pick<BanBook, 'made' | 'explain' | 'tell'>
  /** What each worker but one has seen go to a bucket. */
  testimonies: (bucket: Bucket, except: number) => Promise<Evidence[]>[]
  /** For tests. */
  patience?: number
  most?: number
}

/**
 * Gathers the evidence of a ban. A client's requests are spread over the workers, and each remembers those that it
 * counted itself (threats/evidence.ts); which bucket they went to is the same for all, so when one of them bans, the
 * others are asked for their part. Nothing of that is on the way of a request: a ban holds before it is told, it is kept
 * with what the deciding worker saw, and the rest is added as it comes.
 */
export class Witnesses {
  readonly #options: Required<WitnessesOptions>
  #explaining = 0

  constructor(options: WitnessesOptions) {
    this.#options = { patience: PATIENCE, most: MOST, ...options }
  }

  /** @param worker that banned @param bucket where it was counted; null: one request was enough */
  async banned(ban: BanReport, bucket: Bucket | null, worker: number): Promise<void> {
    const { book, testimonies, patience, most } = this.#options
    book.made(ban)
    if (bucket === null || this.#explaining >= most) return book.tell(ban)
    this.#explaining++
    const decided = ban.evidence.slice(-1)
    let others = ban.evidence.slice(0, -1)
    let explained = ban
    const heard = testimonies(bucket, worker).map(async (testimony) => {
      const seen = await testimony
      if (seen.length === 0) return
      others = byTime([...seen, ...others]).slice(-(EVIDENCE_SHOWN - 1))
      // The request that was one too many is always shown, whatever was counted in shadow mode since.
      explained = book.explain(explained, byTime([...others, ...decided]))
    })
    const all = Promise.all(heard).then(() => void this.#explaining--)
    await firstOf(all, patience)
    book.tell(explained)
  }
}

function byTime(evidence: Evidence[]): Evidence[] {
  return evidence.sort((a, b) => a.time - b.time)
}

function firstOf(work: Promise<void>, limit: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, limit)
    void work.then(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
