import { RingReader } from '../memory/ring.ts'
import type { SharedMemory } from '../memory/shared.ts'
import {
  ASCII,
  CLIENT,
  CLIENT_AT,
  CLIENT_TOLD,
  DECISION_AT,
  DECISIONS,
  FLAGS_AT,
  OUTCOME,
  OUTCOME_AT,
  OUTCOME_TOLD,
  OWN,
  SHORT_TEXT_AT,
  STATUS_AT,
  TEXT_AT,
  type Texts,
  type TextsOf
} from './layout.ts'
import { emptyClient, emptyOutcome, type Client, type Outcome, type OwnNumbers } from './record.ts'
import { CLIENTS, OUTCOMES } from './repeats.ts'

/** What the control thread makes of an outcome or a client that many records name. */
export interface Keeper<T> {
  /**
   * `value` belongs to this place from now on. It is the place's own object: it stays as it is until the next call.
   * Must not throw: what is told is told once.
   */
  keep(value: T): void
}

/** What is the record's own, valid within the call that hands it over. */
export interface OwnPart extends OwnNumbers {
  /** Where the texts lie: id, trace id, path and query, one behind the other from `textAt`, in UTF-8. */
  readonly bytes: Buffer
  textAt: number
  idLength: number
  traceIdLength: number
  pathLength: number
  queryLength: number
}

interface Place<T, K extends Keeper<T>> {
  readonly value: T
  readonly keeper: K
}

/** The control thread's end of a worker's ring. */
export class RecordReader<O extends Keeper<Outcome>, C extends Keeper<Client>> {
  readonly #ring: RingReader
  readonly #uint16: Uint16Array
  readonly #own: OwnPart
  readonly #outcomes = Array.from({ length: OUTCOMES }, (): Place<Outcome, O> | null => null)
  readonly #clients = Array.from({ length: CLIENTS }, (): Place<Client, C> | null => null)
  readonly #newOutcome: () => O
  readonly #newClient: () => C

  /** One per worker, in the control thread. */
  constructor(memory: SharedMemory, worker: number, newOutcome: () => O, newClient: () => C) {
    const buffer = memory.rings[worker]
    if (!buffer) throw new RangeError(`no ring for worker ${worker}: there are ${memory.rings.length}`)
    this.#ring = new RingReader(buffer)
    const { bytes, capacity } = this.#ring
    this.#uint16 = new Uint16Array(buffer, bytes.byteOffset, capacity / 2)
    this.#own = {
      time: 0,
      duration: 0,
      upstreamTime: -1,
      bytesIn: 0,
      bytesOut: 0,
      bytes,
      textAt: 0,
      idLength: 0,
      traceIdLength: 0,
      pathLength: 0,
      queryLength: 0
    }
    this.#newOutcome = newOutcome
    this.#newClient = newClient
  }

  /**
   * Hands over at most `max` records, oldest first, and returns how many. What is a record's own is one object, filled
   * anew for each call of `into`: what is wanted of it has to be taken within the call. If `into` throws, its record is
   * lost and the exception goes to the caller.
   */
  drain(max: number, into: (own: OwnPart, outcome: O, client: C) => void): number {
    try {
      for (let n = 0; n < max; n++) {
        const start = this.#ring.next()
        if (start < 0) return n
        const flags = this.#ring.bytes[start + FLAGS_AT] as number
        this.#readOwn(start, (flags & (OUTCOME_TOLD | CLIENT_TOLD)) === 0 ? SHORT_TEXT_AT : TEXT_AT)
        const outcome = this.#outcome((this.#uint16[(start + OUTCOME_AT) / 2] as number) % OUTCOMES, flags)
        const client = this.#client((this.#uint16[(start + CLIENT_AT) / 2] as number) % CLIENTS, flags)
        if ((flags & (OUTCOME_TOLD | CLIENT_TOLD)) !== 0) this.#readTold(start, flags, outcome, client)
        into(this.#own, outcome.keeper, client.keeper)
      }
      return max
    } finally {
      this.#ring.release()
    }
  }

  /** Share of the ring that waits, 0 to 1. */
  fill(): number {
    return this.#ring.fill()
  }

  /** What was made of the outcomes that were told. */
  *outcomes(): Iterable<O> {
    for (const place of this.#outcomes) if (place !== null) yield place.keeper
  }

  #readOwn(start: number, textAt: number): void {
    const { float64 } = this.#ring
    const own = this.#own
    const wide = start / 8
    own.time = float64[wide] as number
    own.duration = float64[wide + 1] as number
    own.upstreamTime = float64[wide + 2] as number
    own.bytesIn = float64[wide + 3] as number
    own.bytesOut = float64[wide + 4] as number
    const lengths = (start + OWN.at) / 2
    own.idLength = this.#uint16[lengths] as number
    own.traceIdLength = this.#uint16[lengths + 1] as number
    own.pathLength = this.#uint16[lengths + 2] as number
    own.queryLength = this.#uint16[lengths + 3] as number
    own.textAt = start + textAt
  }

  #readTold(start: number, flags: number, outcome: Place<Outcome, O>, client: Place<Client, C>): void {
    const { bytes, int32 } = this.#ring
    const ascii = (flags & ASCII) !== 0
    const { textAt, idLength, traceIdLength, pathLength, queryLength } = this.#own
    let at = textAt + idLength + traceIdLength + pathLength + queryLength
    if ((flags & OUTCOME_TOLD) !== 0) {
      const { value, keeper } = outcome
      const half = (start + STATUS_AT) / 4
      value.status = int32[half] as number
      value.worker = int32[half + 1] as number
      value.generation = int32[half + 2] as number
      value.decision = DECISIONS[bytes[start + DECISION_AT] as number] ?? 'error'
      at = this.#readTexts(value, OUTCOME, start, at, ascii)
      keeper.keep(value)
    }
    if ((flags & CLIENT_TOLD) !== 0) {
      const { value, keeper } = client
      this.#readTexts(value, CLIENT, start, at, ascii)
      keeper.keep(value)
    }
  }

  /** @returns where the next texts begin */
  #readTexts<T extends Outcome | Client>(
    into: { [K in TextsOf<T>]: string },
    texts: Texts<T>,
    start: number,
    textAt: number,
    ascii: boolean
  ): number {
    const { bytes } = this.#ring
    const { names } = texts
    const lengths = (start + texts.at) / 2
    let length = 0
    for (let i = 0; i < names.length; i++) length += this.#uint16[lengths + i] as number
    // One native call for all text, then substrings, take a quarter of what a call for each takes.
    const text = ascii ? bytes.toString('latin1', textAt, textAt + length) : ''
    for (let i = 0, at = 0; i < names.length; i++) {
      const end = at + (this.#uint16[lengths + i] as number)
      into[names[i] as TextsOf<T>] = ascii ? text.substring(at, end) : bytes.toString('utf8', textAt + at, textAt + end)
      at = end
    }
    return textAt + length
  }

  /** An empty one where nothing was told: no writer of ours leaves that to be read. */
  #outcome(place: number, flags: number): Place<Outcome, O> {
    const known = this.#outcomes[place]
    if (known) return known
    const made = { value: emptyOutcome(), keeper: this.#newOutcome() }
    this.#outcomes[place] = made
    if ((flags & OUTCOME_TOLD) === 0) made.keeper.keep(made.value)
    return made
  }

  #client(place: number, flags: number): Place<Client, C> {
    const known = this.#clients[place]
    if (known) return known
    const made = { value: emptyClient(), keeper: this.#newClient() }
    this.#clients[place] = made
    if ((flags & CLIENT_TOLD) === 0) made.keeper.keep(made.value)
    return made
  }
}
