import { Counters } from '../../src/memory/counters.ts'
import { allocateShared, type SharedMemory } from '../../src/memory/shared.ts'
import { AccessLines, ClientText, OutcomeText } from '../../src/observe/access-line.ts'
import type { AccessRecord, Client, Outcome } from '../../src/observe/record.ts'
import { RecordReader, type Keeper, type OwnPart } from '../../src/observe/record-reader.ts'
import { RecordWriter } from '../../src/observe/record-writer.ts'

class Kept<T> implements Keeper<T> {
  value: T | null = null
  /** How often it was told. */
  times = 0

  keep(value: T): void {
    this.value = value
    this.times++
  }
}

/** Puts records that come out of a ring together again. */
export class WholeReader {
  readonly #reader: RecordReader<Kept<Outcome>, Kept<Client>>
  /** Outcomes and clients told. */
  told = 0

  constructor(memory: SharedMemory, worker = 0) {
    const kept = <T>(): Kept<T> => new Kept<T>()
    this.#reader = new RecordReader(memory, worker, kept<Outcome>, kept<Client>)
  }

  drain(max: number, into: (record: AccessRecord) => void): number {
    return this.#reader.drain(max, (own, outcome, client) => {
      this.told += outcome.times + client.times
      outcome.times = client.times = 0
      into(whole(own, outcome, client))
    })
  }

  fill(): number {
    return this.#reader.fill()
  }
}

function whole(own: OwnPart, outcome: Kept<Outcome>, client: Kept<Client>): AccessRecord {
  const { bytes, textAt, idLength, traceIdLength, pathLength, queryLength } = own
  if (outcome.value === null || client.value === null) throw new Error('a record without an outcome or a client')
  let at = textAt
  const text = (length: number): string => bytes.toString('utf8', at, (at += length))
  const { time, duration, upstreamTime, bytesIn, bytesOut } = own
  return {
    time,
    duration,
    upstreamTime,
    bytesIn,
    bytesOut,
    id: text(idLength),
    traceId: text(traceIdLength),
    path: text(pathLength),
    query: text(queryLength),
    ...outcome.value,
    ...client.value
  }
}

function textOf<T, W extends { write(value: T, labels: string): void }>(
  text: W,
  labels: string
): Keeper<T> & { text: W } {
  return { text, keep: (value) => text.write(value, labels) }
}

const MEMORY = allocateShared({ workers: 1, limitSlots: 1024, ringBytes: 1 << 16 })

/** The access lines of records, as they come out behind a ring. */
export function accessLines(records: readonly AccessRecord[], labels = ''): Buffer {
  const writer = new RecordWriter(MEMORY, 0, new Counters(MEMORY, 0))
  const reader = new RecordReader(
    MEMORY,
    0,
    () => textOf<Outcome, OutcomeText>(new OutcomeText(), labels),
    () => textOf<Client, ClientText>(new ClientText(), labels)
  )
  const lines = new AccessLines()
  for (const record of records) {
    if (!writer.write(record)) throw new Error('not recorded')
    reader.drain(1, (own, outcome, client) => lines.add(own, outcome.text, client.text))
  }
  return lines.take() ?? Buffer.alloc(0)
}

export function accessLine(record: AccessRecord, labels = ''): string {
  return accessLines([record], labels).toString('latin1')
}
