import type { AnswerFields } from '../answer-fields.ts'
import { Gathering } from '../turn.ts'
import { headBytes } from './response-head.ts'
import type { NativeResponse } from './uws.ts'

type Action = 'bodiless' | 'whole' | 'raw' | 'more' | 'end'

/**
 * What becomes of the connection after the response.
 *
 * - `keep`: the next request comes over it.
 * - `last`: the client is told to close it, and no harm is done if it doesn't.
 * - `single`: nothing may follow on it.
 * - `linger`: as `single`, and a part of the request's body is still on its way. The response is complete at once,
 *   but the connection stays open: closing it with unread bytes is a reset, which can destroy the response on its way.
 *
 * After the last two the native response may be left unfinished (`open`), so that uWS serves nothing more on the
 * connection; `hangUp` ends it.
 */
export type Afterwards = 'keep' | 'last' | 'single' | 'linger'

/** Set by the class below: the one way from the shared cork callback into a writer. */
let write: (writer: ResponseWriter, action: Action) => void

/**
 * Writes one response to one client. The head is held back until the first bytes of the body are there, so that a
 * small answer is one write; a body of known length keeps its Content-Length (`tryEnd`), so that cutting it short
 * is visible to the client; anything else is chunked. Long because it is one state machine, `#stage`.
 *
 * A response is over when the kernel has its body, and not before: for uWS it is over when it was given to it, and what
 * the kernel doesn't take is kept. A client that asks and asks over one connection and reads nothing would have each of
 * its answers kept, without end. As it is the next request finds one under way, and uWS closes the connection. (Of small
 * answers not each is looked after: see LOOKED_AFTER.)
 */
export class ResponseWriter {
  readonly #res: NativeResponse
  readonly #listener: WriterListener
  #stage: 'idle' | 'held' | 'gathered' | 'sized' | 'chunked' | 'open' | 'done' = 'idle'
  #fields: AnswerFields | null = null
  /** Body length, -1 when unknown. */
  #length = -1
  #after: Afterwards = 'keep'
  /** What uWS is told of the length of a body of known length, once the client was told: one more for a response that is to stay unfinished. */
  #total = -1
  /** What tryEnd could not take: it keeps nothing itself. */
  #tail: Uint8Array | null = null
  #tailStart = 0
  #watching = false
  #ending = false
  #chunk: Uint8Array | null = null
  /** Of the response's head; 0 before. */
  status = 0
  bytes = 0
  /** A write was refused and `drained` has not come yet. */
  blocked = false
  /** The client's kernel took some of what waited, since the last sweep. */
  #moved = false
  /** It did so long after it began to wait, so that a client reads there. */
  #reads = false
  /** When it was first seen to wait, and when uWS was last told so, ms (monotonic). */
  #waitsSince = 0
  #pokedAt = 0

  constructor(res: NativeResponse, listener: WriterListener) {
    this.#res = res
    this.#listener = listener
  }

  /** Something was sent: it is too late for another answer. */
  get begun(): boolean {
    return this.#stage !== 'idle' && this.#stage !== 'held'
  }

  /** Nothing can be done to the native response any more, nor need be. */
  get over(): boolean {
    return this.#stage === 'done'
  }

  /** All was sent, and the connection waits for `hangUp`. */
  get open(): boolean {
    return this.#stage === 'open'
  }

  /**
   * @param fields without content-length, date or connection
   * @param length of the body; -1: unknown.
   * @param bodiless the answer to a HEAD: `length` is only reported, no body is sent.
   */
  begin(status: number, fields: AnswerFields, length: number, bodiless: boolean, after: Afterwards): void {
    // RFC 9110 section 8.6: no Content-Length in a 204; in a 304 it would speak of another answer than this one.
    const empty = status === 204 || status === 304
    this.status = status
    this.#fields = fields
    this.#length = empty ? -1 : length
    this.#after = after
    this.#stage = 'held'
    if (bodiless || empty) {
      this.#cork(this.#leavesOpen ? 'raw' : 'bodiless')
      this.#finished()
    }
  }

  /** False: the client is slower than the data; wait for `drained`. The chunk is copied before it returns. */
  write(chunk: Uint8Array): boolean {
    if (this.#stage === 'done' || this.#stage === 'open' || chunk.length === 0) return !this.blocked
    this.#chunk = chunk
    this.bytes += chunk.length
    if (this.#stage === 'held' && chunk.length === this.#length && this.#after !== 'linger') {
      if (chunk.length <= GATHERED) {
        // A copy: the same memory takes the next upstream's answer before this turn ends.
        this.#chunk = Buffer.from(chunk)
        this.#stage = 'gathered'
        answers.add(this)
        return true
      }
      this.#cork('whole')
      return !this.blocked
    }
    this.#cork('more')
    return !this.blocked
  }

  /**
   * Sends what this turn made ready: many answers in a row wake their clients' host once, where one at a time, between
   * the work of others, find it asleep each time (a tenth of the processor time per request).
   */
  flush(): void {
    if (this.#stage !== 'gathered') return
    try {
      this.#stage = 'held'
      this.#cork('whole')
    } catch (error) {
      this.#listener.escaped(error)
    }
  }

  /** The body is complete. */
  finish(): void {
    if (this.#stage === 'done' || this.#stage === 'open' || this.#stage === 'gathered') return
    if (this.#stage === 'held') {
      this.#chunk = NOTHING
      this.#length = 0
      this.#cork(this.#leavesOpen ? 'raw' : 'bodiless')
      this.#finished()
    } else if (this.#tail !== null || this.blocked) {
      this.#ending = true
    } else if (this.#stage === 'chunked') {
      this.#cork('end')
      this.#finished()
    } else {
      // A sized body that is short of its length: never look complete.
      this.cut()
    }
  }

  /** Sends a whole small response at once. The body is copied before it returns. */
  send(status: number, fields: AnswerFields, body: Uint8Array, bodiless: boolean, after: Afterwards): void {
    this.begin(status, fields, body.length, bodiless, after)
    if (this.#stage !== 'held') return
    if (body.length === 0) return this.finish()
    this.#chunk = body
    this.bytes = body.length
    this.#cork(after === 'linger' ? 'raw' : 'whole')
    if (after === 'linger') this.#finished()
  }

  /** Ends the connection in the middle: the client sees that the response is not whole. */
  cut(): void {
    if (this.#stage === 'done') return
    this.#stage = 'done'
    this.#res.close()
  }

  /** Ends a connection that was left open. Idempotent. */
  hangUp(): void {
    if (this.#stage === 'open') this.cut()
  }

  /** The client is gone; the native response must not be touched any more. */
  abandon(): void {
    this.#stage = 'done'
    this.#tail = null
  }

  /**
   * Called every quarter of a second. Has uWS wait for a client that reads: it gives up 10 s after the kernel had room last, and
   * of a large answer over a slow line it has room once a third of what it holds is through, up to 1.4 MB, so that a client which
   * read all the time at 30 KB/s was cut. Who reads nothing is left to uWS.
   * @param now ms (monotonic)
   * @param quiet uWS may not be told: the request's body is paused, and would go on
   * @returns whether some of what waited was taken since the last time
   */
  swept(now: number, quiet: boolean): boolean {
    const moved = this.#moved
    this.#moved = false
    if (this.blocked && this.#waitsSince === 0) this.#waitsSince = now
    if (moved && this.#waitsSince > 0 && now - this.#waitsSince > KERNELS) this.#reads = true
    if (this.blocked && this.#reads && !quiet && !this.over && now - this.#pokedAt >= POKE) {
      this.#pokedAt = now
      this.#res.pause()
      this.#res.resume()
    }
    return moved
  }

  /** Ends without `end`: see #write. */
  get #leavesOpen(): boolean {
    return this.#after === 'single' || this.#after === 'linger'
  }

  #finished(): void {
    if (this.#stage !== 'open') this.#stage = 'done'
    this.#chunk = null
    this.#listener.sent()
  }

  #cork(action: Action): void {
    if (this.#res === handled) return this.#write(action)
    corked(this, action)
    this.#res.cork(runCorked)
  }

  /**
   * Runs inside one cork.
   *
   * uWS has one way to answer and then close: `end(body, true)`. It fails after `write` (it puts its Connection field
   * into the chunked body), for HEAD, 204 and 304 (it adds a Content-Length), where part of the request is still
   * unread, and where the client doesn't read: the connection then stays open, and serves what comes next. So the
   * response is made complete and left unfinished instead, and what uWS holds for it keeps the connection from serving
   * anything else: a body by telling `tryEnd` of one byte more than its length, the rest by hand, since `writeHeader`
   * passes its bytes on as they are, line ends too.
   */
  #write(action: Action): void {
    const res = this.#res
    const chunk = this.#chunk ?? NOTHING
    this.#chunk = null
    // `begin` set the fields.
    if (this.#stage === 'held' && this.#fields !== null) {
      const head = headBytes(this.status, this.#fields)
      res.writeStatus(head)
      if (action === 'bodiless' && this.#listener.unread(head.length)) {
        this.#after = 'single'
        action = 'raw'
      }
    }
    switch (action) {
      case 'bodiless':
        if (this.#after === 'last') res.writeHeader('connection', 'close')
        // endWithoutBody with any argument, undefined too, reports a length of its own and never completes.
        if (this.#length >= 0) res.writeHeader('content-length', String(this.#length))
        res.endWithoutBody()
        return
      case 'whole':
        if (this.#after === 'keep' && chunk.length <= GATHERED && Math.random() >= LOOKED_AFTER) {
          res.end(chunk, false)
          return this.#wholeSent()
        }
        if (this.#after !== 'keep') res.writeHeader('connection', 'close')
        this.#stage = 'sized'
        if (this.#leavesOpen) {
          res.tryEnd(NOTHING, this.#length)
          this.#total = this.#length + 1
        } else this.#total = this.#length
        this.#trySized(chunk, 0)
        return
      case 'raw':
        this.#stage = 'open'
        if (chunk.length > 0) {
          res.writeHeader('connection', 'close')
          res.write(chunk)
          this.#writeLastChunk()
        } else if (this.#length >= 0) {
          res.writeHeader('connection', 'close')
          res.writeHeader('content-length', `${this.#length}${HEAD_END}`)
        } else res.writeHeader('connection', `close${HEAD_END}`)
        return
      case 'more':
        if (this.#stage === 'held') {
          if (this.#after !== 'keep') res.writeHeader('connection', 'close')
          this.#stage = this.#length >= 0 && !this.#leavesOpen ? 'sized' : 'chunked'
          this.#total = this.#length
        }
        if (this.#stage === 'sized') this.#trySized(chunk, -1)
        else if (!res.write(chunk)) this.#wait()
        return
      case 'end':
        if (!this.#leavesOpen) {
          res.end()
          return
        }
        this.#stage = 'open'
        this.#writeLastChunk()
    }
  }

  /** Its line can't be had without a field behind it, which makes that a trailer (RFC 9112 section 7.1.2). */
  #writeLastChunk(): void {
    this.#res.writeHeader('\r\n0\r\nx-end', `1${HEAD_END}`)
  }

  static {
    write = (writer, action) => writer.#write(action)
  }

  /** @param at where in the body the chunk stands; -1: uWS knows */
  #trySized(chunk: Uint8Array, at: number): void {
    if (this.#tail !== null) {
      // Written against the contract while blocked: keep it behind what waits.
      this.#tail = Buffer.concat([this.#tail, chunk])
      return
    }
    const start = at < 0 ? this.#res.getWriteOffset() : at
    const [ok, done] = this.#res.tryEnd(chunk, this.#total)
    if (done || (ok && this.#leavesOpen)) return this.#wholeSent()
    if (ok) return
    // Copied: the caller's chunk is valid during the call only.
    this.#tail = Buffer.from(chunk)
    this.#tailStart = start
    this.#wait()
  }

  /** All of a body of known length was taken. */
  #wholeSent(): void {
    if (this.#leavesOpen) this.#stage = 'open'
    this.#finished()
  }

  #wait(): void {
    this.blocked = true
    if (this.#watching) return
    this.#watching = true
    this.#res.onWritable((offset) => {
      try {
        return this.#writable(offset)
      } catch (error) {
        this.#listener.escaped(error)
        return true
      }
    })
  }

  #writable(offset: number): boolean {
    if (this.#stage === 'done' || this.#stage === 'open') return true
    this.#moved = true
    const tail = this.#tail
    if (tail !== null) {
      const [ok, done] = this.#res.tryEnd(tail.subarray(offset - this.#tailStart), this.#total)
      if (done || (ok && this.#leavesOpen)) {
        this.#tail = null
        this.#wholeSent()
        return true
      }
      if (!ok) return false
      this.#tail = null
    }
    this.blocked = false
    if (this.#ending) this.finish()
    else this.#listener.drained()
    return true
  }
}

/** Who is told how the writing goes. */
export interface WriterListener {
  /** The client took what was waiting: go on. */
  drained(): void
  /** All was handed to the socket; see `open`. Comes once, or never after cut() and abandon(). */
  sent(): void
  /**
   * An answer without a body goes out, so many bytes: whether the client has read those before it can't be seen. True: the
   * connection is to end with it.
   */
  unread(bytes: number): boolean
  escaped(error: unknown): void
}

// One cork callback for all writers: a closure per write would be garbage on the hottest path. cork() runs it
// before it returns, so these two can't be overwritten in between.
let corkedWriter: ResponseWriter | null = null
let corkedAction: Action = 'end'
function corked(writer: ResponseWriter, action: Action): void {
  corkedWriter = writer
  corkedAction = action
}
function runCorked(): void {
  if (corkedWriter !== null) write(corkedWriter, corkedAction)
}

const NOTHING = new Uint8Array(0)

/** The response whose request's handler is running: its socket is corked by uWS, and a cork of ours only a detour. */
let handled: NativeResponse | null = null

/** @param res null when the handler returns */
export function handling(res: NativeResponse | null): void {
  handled = res
}

/** Added to where an upstream was read only: within a request's own callback another response can't be corked. */
const answers = new Gathering()

/** Longest body that is copied to be sent at the end of a turn, bytes. */
const GATHERED = 4096
/**
 * Of answers up to that, the share of which it is asked whether the kernel took them, at random: it costs half a microsecond,
 * and who reads nothing is found out by the next that is.
 */
const LOOKED_AFTER = 1 / 8

/** Between two times that uWS is told to wait, ms. */
const POKE = 3_000
/** For so long the kernels may still take some of an answer that nobody reads, ms. */
const KERNELS = 2_000

/** With the line end that every field gets, the blank line that ends a head. */
const HEAD_END = '\r\n'
