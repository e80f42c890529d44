import type { UpstreamCall } from '../upstream/transport.ts'
import type { BodyRoom } from './body-memory.ts'
import type { NativeResponse } from './uws.ts'

/** A body that was held goes to the upstream in pieces of this size, so that its back-pressure counts, bytes. */
const PIECE = 64 * 1024
/** Chunks smaller than this are gathered in blocks of it: 1-byte chunks held one by one would take 200 times their size. */
const BLOCK = 8 * 1024

/** Where a request's body goes. */
export type BodySink = Pick<UpstreamCall, 'write' | 'end'>

/**
 * A request's body on its way from the client to the upstream. Unless a stage asks for all of it (`collect`) it is
 * never held whole: what arrives before the upstream is chosen, or while it is slower than the client, is kept and
 * reading is paused. uWS goes on delivering what the kernel had already taken (measured 2.7-3.8 MB after `pause()`),
 * so that much is the bound of one upload.
 */
export class RequestBody {
  readonly #res: NativeResponse
  readonly #limit: number
  readonly #over: () => void
  #sink: BodySink | null = null
  #waiting: Uint8Array[] = []
  #paused = false
  #blocked = false
  #discarding = false
  #pokedAt: number
  #whenComplete: (() => void) | null = null
  /** Somebody waits for all of it. */
  #whenWhole: ((whole: Uint8Array | null) => void) | null = null
  #memory: BodyRoom | null = null
  /** Bytes taken of `#memory`. */
  #charged = 0
  /** Last of `#waiting` while a body is held, and how much of it is in use. */
  #block: Uint8Array | null = null
  #filled = 0
  /** All of it arrived. */
  complete = false
  bytes = 0

  /** Must be made inside the uWS handler: data that comes before onData is set is lost. @param over called once when more than `limit` bytes came. */
  constructor(res: NativeResponse, limit: number, now: number, escaped: (error: unknown) => void, over: () => void) {
    this.#res = res
    this.#limit = limit
    this.#over = over
    this.#pokedAt = now
    res.onData((chunk, last) => {
      try {
        this.#receive(new Uint8Array(chunk), last)
      } catch (error) {
        escaped(error)
      }
    })
  }

  get paused(): boolean {
    return this.#paused
  }

  #receive(chunk: Uint8Array, last: boolean): void {
    this.bytes += chunk.length
    if (last) {
      this.complete = true
      this.#whenComplete?.()
    }
    if (this.#discarding) return
    if (this.bytes > this.#limit) {
      this.discard()
      this.#over()
      return
    }
    if (this.#whenWhole !== null) return this.#keep(chunk, last)
    const sink = this.#sink
    if (sink === null || this.#blocked) {
      // uWS reuses the memory behind the chunk after this call.
      if (chunk.length > 0) this.#waiting.push(chunk.slice())
      if (!last) this.#pause()
      return
    }
    if (chunk.length > 0 && !sink.write(chunk)) {
      this.#blocked = true
      if (!last) this.#pause()
    }
    if (last && !this.#blocked) sink.end()
  }

  /**
   * Holds all of it, charged to `memory` as it comes and until it went on or is dropped. `done` is called at most once:
   * with the body, or with null when the memory is full; then reading pauses, and it can still be streamed. It is not
   * called when the body is discarded first.
   */
  collect(memory: BodyRoom, done: (whole: Uint8Array | null) => void): void {
    this.#whenWhole = done
    this.#memory = memory
    let waiting = 0
    for (const chunk of this.#waiting) waiting += chunk.length
    if (!this.#charge(waiting)) return this.#settle(null)
    if (this.complete) this.#settle(joined(this.#waiting, waiting))
    else this.#resume()
  }

  #keep(chunk: Uint8Array, last: boolean): void {
    if (!this.#gather(chunk)) {
      if (!last) this.#pause()
      return this.#settle(null)
    }
    if (last) this.#settle(joined(this.#waiting, this.bytes))
  }

  /** Takes a copy of `chunk`; false when that went over the memory. */
  #gather(chunk: Uint8Array): boolean {
    const { length } = chunk
    if (length === 0) return true
    // The first one is often all there is.
    if (length >= BLOCK || this.#waiting.length === 0) {
      this.#block = null
      this.#waiting.push(chunk.slice())
      return this.#charge(length)
    }
    let block = this.#block
    let fits = true
    if (block === null || this.#filled + length > BLOCK) {
      block = this.#block = new Uint8Array(BLOCK)
      this.#filled = 0
      this.#waiting.push(block)
      fits = this.#charge(BLOCK)
    }
    block.set(chunk, this.#filled)
    this.#filled += length
    this.#waiting[this.#waiting.length - 1] = block.subarray(0, this.#filled)
    return fits
  }

  #settle(whole: Uint8Array | null): void {
    const done = this.#whenWhole
    this.#whenWhole = null
    this.#block = null
    if (whole === null) this.#uncharge()
    else this.#waiting = pieces(whole)
    done?.(whole)
  }

  #charge(bytes: number): boolean {
    if (this.#memory?.take(bytes) !== true) return false
    this.#charged += bytes
    return true
  }

  #uncharge(): void {
    this.#memory?.give(this.#charged)
    this.#charged = 0
  }

  /** From here on everything goes to `sink`. */
  connect(sink: BodySink): void {
    this.#sink = sink
    this.#flush()
  }

  /** The upstream can take more. */
  drained(): void {
    this.#blocked = false
    this.#flush()
  }

  #flush(): void {
    const sink = this.#sink
    if (sink === null || this.#discarding) return
    while (!this.#blocked) {
      const chunk = this.#waiting.shift()
      if (chunk === undefined) break
      if (!sink.write(chunk)) this.#blocked = true
    }
    if (this.#blocked) return
    this.#uncharge()
    if (this.complete) sink.end()
    else this.#resume()
  }

  /** Nobody wants the rest: read it to its end and drop it. */
  discard(): void {
    this.#drop()
    this.#resume()
  }

  /**
   * Called about every quarter second while the body is not complete. uWS closes uploads slower than 16 KB/s after
   * 10 s; `pause(); resume()` restarts its clock (done every 4 s, a 14 s gap passes), and the gateway's own
   * time-outs decide instead.
   */
  keepAlive(now: number): void {
    if (this.complete || this.#paused || now - this.#pokedAt < 3000) return
    this.#pokedAt = now
    this.#res.pause()
    this.#res.resume()
  }

  /** `done` is called when all of it has arrived; not if it has already. */
  onceComplete(done: () => void): void {
    this.#whenComplete = done
  }

  /** The native response is gone. */
  abandon(): void {
    this.#paused = false
    this.#drop()
  }

  #drop(): void {
    this.#discarding = true
    this.#waiting = []
    this.#sink = null
    this.#whenWhole = null
    this.#block = null
    this.#uncharge()
  }

  #pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#res.pause()
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#res.resume()
  }
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = chunks
  // Most bodies come in one packet.
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks, length)
}

function pieces(whole: Uint8Array): Uint8Array[] {
  const list: Uint8Array[] = []
  for (let at = 0; at < whole.length; at += PIECE) list.push(whole.subarray(at, at + PIECE))
  return list
}
