import type { UpstreamCall } from '../upstream/transport.ts'
import type { NativeResponse } from './uws.ts'

/**
 * A request's body on its way from the client to the upstream, never held whole: what arrives before the upstream is
 * chosen, or while it is slower than the client, is kept and reading is paused. uWS goes on delivering what the
 * kernel had already taken (measured 2.7-3.8 MB after `pause()`), so that much is the bound of one upload.
 */
export class RequestBody {
  readonly #res: NativeResponse
  readonly #limit: number
  readonly #over: () => void
  #sink: UpstreamCall | null = null
  #waiting: Uint8Array[] = []
  #paused = false
  #blocked = false
  #discarding = false
  #pokedAt: number
  #whenComplete: (() => void) | null = null
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

  /** From here on everything goes to `sink`. */
  connect(sink: UpstreamCall): void {
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
    if (this.complete) sink.end()
    else this.#resume()
  }

  /** Nobody wants the rest: read it to its end and drop it. */
  discard(): void {
    this.#discarding = true
    this.#waiting = []
    this.#sink = null
    this.#resume()
  }

  /**
   * Called about every quarter second while the body is not complete. uWS closes uploads slower than 16 KB/s after
   * 10 s; `pause(); resume()` restarts its clock (UWS.md: done every 4 s, a 14 s gap passes), and the gateway's own
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
    this.#discarding = true
    this.#waiting = []
    this.#sink = null
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
