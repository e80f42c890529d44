import type { Socket } from 'node:net'
import { monotonicMs } from '../../memory/clock.ts'
import { KEEP_ALIVE, KEEP_ALIVE_MARGIN, KEEP_ALIVE_MAX } from '../bounds.ts'
import { PATIENCE, SLOW } from '../pipelining.ts'
import type { Carrier, Pool } from '../pool.ts'
import { describe } from '../socket-error.ts'
import { NEVER, TICK } from '../ticker.ts'
import type { UpstreamCounts } from '../transport.ts'
import type { ExchangeConnection, WireExchange } from './exchange.ts'
import { NO_ROOM, Outgoing } from './outgoing.ts'
import { readBeforeDestroy } from './read-before-destroy.ts'
import { type ResponseReader, ResponseParser } from './response-parser.ts'
import { type Flushable, Gathering } from '../../turn.ts'

/** An older connection is not used again, so that a target that moved or grew is noticed under steady load too. */
export const MAX_AGE = 300_000

/** Bytes of an answer that nobody wants any more which are read for the sake of those behind it. */
export const MAX_DRAINED = 64 * 1024

/**
 * Where all connections of the thread read into, one at a time: what is read is parsed and handed on before the next
 * read, so a buffer per read, which the stream would allocate, is saved.
 */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024)

/** Where all connections of the thread put together what they write. */
const outgoing = new Outgoing()

/** Connections with something to write. */
const heads = new Gathering()

/**
 * One socket to a target. It carries one exchange at a time, or several GET and HEAD where the upstream is trusted
 * with pipelining: then `#front` is the one whose answer is read, and the rest stand behind it in the order in which
 * they are sent.
 *
 * Long because the life of a connection is one state machine, and its rules only make sense together.
 */
export class WireConnection implements Carrier<WireExchange>, ExchangeConnection, ResponseReader, Flushable {
  readonly #pool: Pool<WireExchange>
  readonly #counts: UpstreamCounts
  readonly #socket: Socket
  readonly #parser: ResponseParser = new ResponseParser(this)
  readonly #openedAt: number
  #front: WireExchange | null = null
  readonly #behind: WireExchange[] = []
  /** How many of them, the last ones, have not been written. */
  #unsent = 0
  #ready = false
  #closed = false
  /** Will not be used again after the answer under way. */
  #leaving = false
  /** `flush` will be called. */
  #gathering = false
  /** Exchanges that it has completed. */
  #served = 0
  /** Tick at which an idle connection has been idle for long enough. */
  #idleUntil = NEVER
  /** Tick at which those behind have waited long enough. */
  #patientUntil = NEVER
  /** monotonicMs since which the answer in front is awaited; kept with pipelining only. */
  #awaitedSince = 0
  /** Bytes read of an answer that nobody wants. */
  #drained = 0
  /** What was read and not parsed when the exchange was paused. */
  #rest: Buffer | null = null

  constructor(pool: Pool<WireExchange>, counts: UpstreamCounts) {
    this.#pool = pool
    this.#counts = counts
    this.#openedAt = pool.ticker.now
    const socket = pool.target.open({ buffer: READ_BUFFER, callback: (length, bytes) => this.#onRead(length, bytes) })
    this.#socket = socket
    readBeforeDestroy(socket)
    socket.on(pool.target.ready, () => this.#onReady())
    socket.on('drain', () => this.#front?.drained())
    socket.on('end', () => this.#onEnd())
    socket.on('error', (error) => this.#lost(describe(error)))
    socket.on('close', () => this.#lost('the connection was closed'))
  }

  get warm(): boolean {
    return true
  }

  get holder(): string {
    return this.#front === null ? '' : this.#front.client
  }

  get dueAt(): number {
    const front = this.#front
    if (front === null) return this.#idleUntil
    return this.#behind.length === 0 ? front.dueAt : Math.min(front.dueAt, this.#patientUntil)
  }

  room(exchange: WireExchange): number {
    const front = this.#front
    const { depth } = this.#pool.pipelining
    const load = 1 + this.#behind.length
    if (front === null || load >= depth || !front.pipelinable || !exchange.pipelinable) return 0
    // A new connection has to show first that it stays open behind an answer (RFC 9112 section 9.3.2).
    if (!this.#parser.keepAlive || this.#leaving || this.#isOld) return 0
    if (front.written && monotonicMs() - this.#awaitedSince > SLOW) return 0
    return this.#unsent > 0 ? Infinity : depth - load
  }

  carry(exchange: WireExchange): void {
    exchange.carriedBy(this)
    this.#unsent++
    if (this.#front === null) {
      this.#front = exchange
      this.#parser.begin(exchange.request.method === 'HEAD')
    } else {
      if (this.#behind.length === 0) this.#patientUntil = this.#pool.ticker.after(PATIENCE)
      exchange.behind = true
      this.#behind.push(exchange)
    }
    if (this.#ready) this.#gather()
  }

  onDue(): void {
    const front = this.#front
    if (front === null) return this.#leavePool()
    if (front.dueAt > this.#pool.ticker.now) return this.#disperse()
    // An upstream that only reads the first of several requests shows in this way.
    if (front.behind) this.#pool.pipelining.giveUp()
    this.#breakOff(false)
    front.onDue()
  }

  close(): void {
    this.#closed = true
    this.#socket.destroy()
  }

  abandon(exchange: WireExchange): void {
    if (this.#closed) return
    exchange.leave()
    if (this.#ready && !exchange.written) return this.#withdraw(exchange)
    // The answer to one that was sent comes all the same, and those behind it are worth reading it.
    if (this.#front?.over === true && this.#behind.every((one) => one.over)) this.#leavePool()
    else if (this.#front === exchange && exchange.isPaused) this.#goOn()
  }

  gathered(now: boolean): boolean {
    if (!this.#ready) return !now
    if (now) {
      const front = this.#front
      const more = this.#write()
      if (this.#front === front) front?.wrote(more)
      return more
    }
    this.#gather()
    return !this.#socket.writableNeedDrain
  }

  resume(): void {
    this.#goOn()
  }

  onHead(status: number, headers: readonly string[]): void {
    this.#front?.head(status, headers)
  }

  onBody(chunk: Buffer): boolean {
    const front = this.#front
    if (front === null) return false
    if (!front.over) return front.data(chunk) || (front.over && this.#behind.length > 0)
    this.#drained += chunk.length
    return this.#drained <= MAX_DRAINED
  }

  /** Writes what this turn brought. */
  flush(): void {
    this.#gathering = false
    const front = this.#front
    if (this.#closed || front === null) return
    const more = this.#write()
    if (front.request.bodyLength === 0 || this.#front !== front) return
    front.wrote(more)
    if (more) front.drained()
  }

  #onReady(): void {
    this.#ready = true
    this.#counts.connected()
    // An exchange that was given up meanwhile has closed the connection.
    if (this.#front !== null) this.#gather()
  }

  /**
   * Writes what there is with what else this turn brings. Of a body the first bytes nearly always come in the turn of its
   * head, and then share its packet. And a write wakes its receiver: many in a row wake it once, where between the
   * requests' own work each finds it asleep again (0.79 of the processor time per request, small answers included).
   */
  #gather(): void {
    if (this.#gathering) return
    this.#gathering = true
    heads.add(this)
  }

  /** Writes the heads that wait and what was gathered of the body. False: the socket has more to write than it likes. */
  #write(): boolean {
    let refused: WireExchange[] | null = null
    let more: boolean
    try {
      refused = this.#writeHeads()
      const body = this.#front?.takeBody() ?? null
      if (body !== null) this.#writeBody(body)
      if (!outgoing.empty) outgoing.writeTo(this.#socket, this.#pool.target.plan.tls)
      more = !this.#socket.writableNeedDrain
    } finally {
      // Whatever happens: no byte may be left for the next connection to send.
      outgoing.clear()
    }
    // Not before: what their sinks send in turn is put together in the same place.
    if (refused !== null) for (const exchange of refused) exchange.fail('invalid', UNSENDABLE)
    return more
  }

  /** Puts the heads that wait together. Returns the exchanges whose heads can't be sent, or null. */
  #writeHeads(): WireExchange[] | null {
    let refused: WireExchange[] | null = null
    while (this.#unsent > 0) {
      const exchange = this.#lineUp(this.#behind.length + 1 - this.#unsent)
      if (exchange === null) break
      const length = outgoing.head(exchange.request)
      if (length === NO_ROOM && !outgoing.empty) {
        outgoing.writeTo(this.#socket, this.#pool.target.plan.tls)
        continue
      }
      if (length < 0) {
        exchange.leave()
        this.#withdraw(exchange)
        refused ??= []
        refused.push(exchange)
        continue
      }
      this.#unsent--
      exchange.start()
      if (exchange === this.#front && this.#pool.pipelining.depth > 1) this.#awaitedSince = monotonicMs()
    }
    return refused
  }

  /** Puts the body behind the heads, and writes it whenever the room is full. */
  #writeBody(body: readonly Uint8Array[]): void {
    const { tls } = this.#pool.target.plan
    for (const bytes of body) {
      let at = outgoing.append(bytes, 0)
      while (at < bytes.length) {
        outgoing.writeTo(this.#socket, tls)
        at += outgoing.append(bytes, at)
      }
    }
  }

  /** The exchange at a place in line, 0 in front. */
  #lineUp(place: number): WireExchange | null {
    return place === 0 ? this.#front : (this.#behind[place - 1] ?? null)
  }

  /** Takes out an exchange that was not sent. */
  #withdraw(exchange: WireExchange): void {
    this.#unsent--
    if (exchange !== this.#front) {
      this.#behind.splice(this.#behind.indexOf(exchange), 1)
      return
    }
    // Nothing was sent, so all behind it wait in the same turn.
    this.#front = null
    this.#advance()
  }

  /** False: stop reading. */
  #onRead(length: number, bytes: Uint8Array): boolean {
    // Nobody asked for these: an answer to come could not be told from them.
    if (this.#front === null || !this.#front.written) {
      this.#pool.pipelining.giveUp()
      this.#unasked()
      return false
    }
    return this.#read(bytes === READ_BUFFER ? READ_BUFFER : Buffer.from(bytes.buffer, bytes.byteOffset, length), length)
  }

  /** Parses `bytes[0, length)`. False: stop reading. */
  #read(bytes: Buffer, length: number): boolean {
    const parser = this.#parser
    let at = 0
    for (;;) {
      at = parser.execute(bytes, at, length)
      const front = this.#front
      if (this.#closed || front === null) return false
      if (parser.failed) {
        this.#pool.pipelining.giveUp()
        this.#breakOff(false)
        front.fail('invalid', `the answer has ${parser.error}`)
        return false
      }
      if (!parser.done) return this.#pauseIfAsked(front, bytes, at, length)
      this.#complete(front, length - at)
      if (this.#closed) return false
      if (at === length) return true
    }
  }

  /** The sink takes no more, or nobody wants the answer. True: neither. */
  #pauseIfAsked(front: WireExchange, bytes: Buffer, at: number, length: number): boolean {
    if (front.over && this.#drained > MAX_DRAINED) {
      this.#breakOff(false)
      return false
    }
    if (front.over || !front.isPaused) return true
    if (at < length) {
      this.#rest = bytes === READ_BUFFER ? Buffer.from(bytes.subarray(at, length)) : bytes.subarray(at, length)
    }
    this.#socket.pause()
    return false
  }

  /** Reads on after a pause. */
  #goOn(): void {
    const rest = this.#rest
    if (rest !== null) {
      this.#rest = null
      if (!this.#read(rest, rest.length)) return
    }
    if (!this.#closed) this.#socket.resume()
  }

  /** The answer in front is whole. `surplus`: bytes that came behind it. */
  #complete(front: WireExchange, surplus: number): void {
    this.#served++
    this.#drained = 0
    const next = this.#behind[0]
    const expected = surplus === 0 || next?.written === true
    if (!expected && !this.#leaving) this.#pool.pipelining.giveUp()
    // All this before the sink hears of it, so that what it sends next finds this connection free.
    front.leave()
    if (expected && !this.#leaving && this.#parser.keepAlive && front.requestComplete) {
      this.#front = null
      this.#advance()
    } else this.#breakOff(false)
    front.answered()
  }

  /** The front's place is free: for the next in line, or for the pool. */
  #advance(): void {
    const next = this.#behind.shift()
    if (next === undefined) return this.#free()
    this.#front = next
    this.#parser.begin(next.request.method === 'HEAD')
    this.#patientUntil = this.#pool.ticker.after(PATIENCE)
    if (next.written) {
      this.#awaitedSince = monotonicMs()
      next.next()
    } else next.behind = false
    this.#pool.relieve(this)
  }

  /** Back to the pool, if it may be used again. */
  #free(): void {
    const seconds = this.#parser.keepAliveSeconds
    const keep = seconds < 0 ? KEEP_ALIVE : Math.min(seconds * 1_000 - KEEP_ALIVE_MARGIN, KEEP_ALIVE_MAX)
    if (keep <= 0 || this.#isOld) return this.#leavePool()
    this.#idleUntil = this.#pool.ticker.after(keep)
    this.#pool.release(this)
  }

  get #isOld(): boolean {
    return (this.#pool.ticker.now - this.#openedAt) * TICK > MAX_AGE
  }

  #onEnd(): void {
    const front = this.#front
    if (front !== null && this.#parser.finish()) this.#complete(front, 0)
    else this.#lost('the other side closed the connection')
  }

  /** The connection has ended, and not with an answer. */
  #lost(why: string): void {
    if (this.#closed) return
    const front = this.#front
    if (front === null) return this.#leavePool()
    // The keep-alive race: the target closed the idle connection while the request was on its way. Nothing of an
    // answer came, so it is tried once more, over a new connection.
    const unanswered = this.#served > 0 && !this.#parser.started
    if (this.#ready && (!unanswered || this.#behind[0]?.written === true)) this.#pool.pipelining.giveUp()
    const again = unanswered && !front.over && !front.retried && (!front.written || front.repeatable)
    this.#breakOff(again)
    if (!again) front.fail(this.#ready ? 'reset' : 'connect', why)
  }

  /** Bytes came that nobody asked for. */
  #unasked(): void {
    const front = this.#front
    if (front === null) return this.#leavePool()
    const again = !front.retried
    this.#breakOff(again)
    if (!again) front.fail('invalid', 'the target spoke before it was asked')
  }

  /** Ends the connection. Those behind, and with `again` the one in front, go to others. */
  #breakOff(again: boolean): void {
    const front = this.#front
    const exchanges = this.#takeBehind()
    this.#front = null
    front?.leave()
    if (front !== null && again) {
      this.#repeats(front)
      exchanges.unshift(front)
    }
    this.close()
    this.#pool.remove(this, exchanges)
  }

  /** Sends those behind over other connections; this one ends with the answer in front. */
  #disperse(): void {
    if (this.#front?.over === true) return this.#breakOff(false)
    this.#leaving = true
    this.#pool.again(this.#takeBehind())
  }

  /** Empties the line behind the front. Returns those that still want an answer, to be sent again. */
  #takeBehind(): WireExchange[] {
    const taken: WireExchange[] = []
    for (const exchange of this.#behind) {
      exchange.leave()
      if (exchange.over) continue
      if (exchange.written) this.#repeats(exchange)
      exchange.behind = false
      taken.push(exchange)
    }
    this.#unsent = this.#front !== null && !this.#front.written ? 1 : 0
    this.#behind.length = 0
    return taken
  }

  #repeats(exchange: WireExchange): void {
    exchange.retried = true
    this.#counts.repeated()
  }

  #leavePool(): void {
    if (this.#closed) return
    this.close()
    this.#pool.remove(this, NOBODY)
  }
}

const UNSENDABLE = 'the request has a method, target or field that cannot be sent, or is too large'

const NOBODY: readonly WireExchange[] = []
