/**
 * A ring of bytes from one thread to one other: records of a worker to the control thread. Neither waits for the other;
 * a record that finds no room is the writer's to count.
 *
 * Order. The writer puts a record's bytes with plain stores, then moves `head` with Atomics.store; the reader loads
 * `head` with Atomics.load before it reads the bytes. The load that sees the new head synchronises with the store, so
 * all that was written before is seen. The same the other way round: the reader is done with the bytes when it stores
 * `tail`, and the writer writes over them only after it has loaded that tail. Each of the two words has one writer.
 *
 * Layout. Positions count bytes for ever, modulo 2^32; the capacity is a power of two, so differences and places stay
 * right across the wrap. A record is 8 bytes of header (its length), then its bytes, padded to 8; it never wraps: if it
 * doesn't fit behind the head, a header of SKIP sends the reader back to the start.
 *
 * Each end keeps its own word, and what it last read of the other's: an atomic load is a call, and a word that the
 * other thread has just written a cache line to fetch. An old value of the other's word only makes the ring look fuller
 * to the writer and emptier to the reader than it is, so each reads it anew where that would matter.
 *
 * A writer that dies within a record has not moved the head: nothing of it is ever read, and the worker that takes
 * its place goes on from there.
 */

/** `head` and `tail` on cache lines of their own, so that the two threads do not fight over one. */
const HEAD = 0
const TAIL = 16
const PREFIX_BYTES = 128
const HEADER_BYTES = 8
const ALIGN = 8
const SKIP = -1
const SMALLEST = 1 << 16
const LARGEST = 1 << 28

/** @param wanted bytes of records; rounded up to a power of two between 64 KiB and 256 MiB */
export function bytesOfRing(wanted: number): number {
  const capacity = 2 ** Math.ceil(Math.log2(Math.max(wanted, SMALLEST)))
  if (!(capacity <= LARGEST)) throw new RangeError(`a ring of ${wanted} bytes: at most ${LARGEST} are possible`)
  return PREFIX_BYTES + capacity
}

class RingView {
  /** The same bytes in three forms: all records start at a multiple of 8. */
  readonly bytes: Buffer
  readonly float64: Float64Array
  readonly int32: Int32Array
  readonly capacity: number
  protected readonly ends: Int32Array

  constructor(buffer: SharedArrayBuffer) {
    this.capacity = buffer.byteLength - PREFIX_BYTES
    this.ends = new Int32Array(buffer, 0, PREFIX_BYTES / 4)
    this.bytes = Buffer.from(buffer, PREFIX_BYTES, this.capacity)
    this.float64 = new Float64Array(buffer, PREFIX_BYTES, this.capacity / 8)
    this.int32 = new Int32Array(buffer, PREFIX_BYTES, this.capacity / 4)
  }

  /** Share of the ring that waits to be read, 0 to 1. */
  fill(): number {
    const head = Atomics.load(this.ends, HEAD)
    return ((head - Atomics.load(this.ends, TAIL)) >>> 0) / this.capacity
  }
}

/** The worker's end. One thread only. */
export class RingWriter extends RingView {
  /** As in memory: nobody else moves it. */
  #head = Atomics.load(this.ends, HEAD)
  /** As last read: the reader may have given back more since, so this one is asked for only when room seems short. */
  #tail = Atomics.load(this.ends, TAIL)
  /** Where the reserved record's header lies. */
  #place = 0
  #skipped = 0

  /** Whether more than `share` of the ring waits to be read. */
  isFullerThan(share: number): boolean {
    if (this.#waiting() <= share * this.capacity) return false
    this.#tail = Atomics.load(this.ends, TAIL)
    return this.#waiting() > share * this.capacity
  }

  /**
   * Room for a record of at most `most` bytes: the offset in `bytes` to write it to, a multiple of 8, or -1 when there
   * is none. Nothing is visible before `publish`; a reservation that isn't published costs nothing.
   */
  reserve(most: number): number {
    const needed = HEADER_BYTES + roundUp(most)
    const place = (this.#head >>> 0) % this.capacity
    const behind = this.capacity - place
    this.#skipped = behind < needed ? behind : 0
    if (this.#skipped + needed > this.capacity - this.#waiting()) {
      this.#tail = Atomics.load(this.ends, TAIL)
      if (this.#skipped + needed > this.capacity - this.#waiting()) return -1
    }
    this.#place = this.#skipped > 0 ? 0 : place
    return this.#place + HEADER_BYTES
  }

  /** Makes the reserved record visible with its true length, at most what was reserved. */
  publish(length: number): void {
    if (this.#skipped > 0) this.int32[((this.#head >>> 0) % this.capacity) / 4] = SKIP
    this.int32[this.#place / 4] = length
    this.#head = (this.#head + this.#skipped + HEADER_BYTES + roundUp(length)) | 0
    Atomics.store(this.ends, HEAD, this.#head)
  }

  /** Bytes, or more than there are. */
  #waiting(): number {
    return (this.#head - this.#tail) >>> 0
  }
}

/** The control thread's end. One thread only. */
export class RingReader extends RingView {
  /** Bytes of the record that the last `next` found. */
  length = 0
  /** Up to where `next` has come; `tail` in memory follows with `release`. */
  #tail = Atomics.load(this.ends, TAIL)
  /** As last read. */
  #head = this.#tail

  /** Offset in `bytes` of the next record, its size in `length`; -1 when there is none. It stays until `release`. */
  next(): number {
    if (this.#tail === this.#head) {
      this.#head = Atomics.load(this.ends, HEAD)
      if (this.#tail === this.#head) return -1
    }
    let place = (this.#tail >>> 0) % this.capacity
    if (this.int32[place / 4] === SKIP) {
      // A skip is published together with the record behind it, so one is there.
      this.#tail = (this.#tail + this.capacity - place) | 0
      place = 0
    }
    this.length = this.int32[place / 4] ?? 0
    this.#tail = (this.#tail + HEADER_BYTES + roundUp(this.length)) | 0
    return place + HEADER_BYTES
  }

  /** Gives the room of all that `next` has found back to the writer. Nothing may look at their bytes after that. */
  release(): void {
    Atomics.store(this.ends, TAIL, this.#tail)
  }
}

function roundUp(bytes: number): number {
  return (bytes + ALIGN - 1) & -ALIGN
}
