/**
 * Where Gatehouse's own words go: the program's events and the access lines. The only importer of pino.
 */
import { closeSync, openSync } from 'node:fs'
import { isatty } from 'node:tty'
import { destination as pinoDestination, pino } from 'pino'
import type { LogPlan } from '../plan/log.ts'

type Level = LogPlan['level']

/** The program's events: for people who run it. Fields are plain data; an Error is written as its message and stack. */
export interface Log {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

export interface LogDestination {
  /** One event, one line. Must not throw. */
  write(line: string): void
  /** A person reads it as it comes: plain text instead of JSON. */
  readonly readable: boolean
}

/**
 * @param plan.level events below it are not written
 * @param destination stderr when left out: JSON lines, or plain text when it is a terminal
 */
export function createLog(plan: { level: Level }, destination: LogDestination = standardError()): Log {
  const { readable } = destination
  const logger = pino(
    {
      level: plan.level,
      base: null,
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
      hooks: { streamWrite: (line) => (readable ? plainText(line) : line) }
    },
    destination
  )
  const write =
    (level: Level) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}): void =>
      logger[level](plain(fields), message)
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}

/** Errors at the top level of an event become data: JSON knows nothing of them. */
function plain(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      // pino writes these three itself.
      name === 'message' || name === 'level' || name === 'time' ? `${name}_` : name,
      value instanceof Error ? { message: value.message, stack: value.stack } : value
    ])
  )
}

/** Events are few and must be out before a crash: written at once. A reader that has gone away is no reason to die. */
function standardError(): LogDestination {
  const stream = pinoDestination({ dest: 2, sync: true, retryEAGAIN: () => false })
  stream.on('error', () => undefined)
  return { write: (line) => void stream.write(line), readable: isatty(2) }
}

/** `12:03:04.567 INFO  ready: 127.0.0.1:8080 workers=4`. Controls stay escaped: values may come from outside. */
function plainText(line: string): string {
  const { level, time, message, ...fields } = JSON.parse(line) as Record<string, unknown>
  const more = Object.entries(fields).map(([name, value]) => ` ${name}=${printable(JSON.stringify(value))}`)
  const clock = String(time).slice(11, 23)
  return `${clock} ${String(level).toUpperCase().padEnd(5)} ${printable(String(message))}${more.join('')}\n`
}

/** No control or format character: they move cursors, colour text and turn its direction. Line breaks stay readable. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, (c) =>
    c === '\n' ? '\n  ' : `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`
  )
}

/** Where access lines go. Nothing here throws or waits; what can't be written is counted. */
export interface AccessLog {
  /**
   * @param lines with their `\n`; the log's own from now on
   * @param count how many they are
   */
  write(lines: Uint8Array, count: number): void
  /** Opens the file's name again, after a log rotation; nothing for stdout and stderr. */
  reopen(): void
  /** Resolves when all lines so far are out, or after `deadline` ms (default 1000) without. */
  flush(deadline?: number): Promise<void>
  /** `flush`, then gives the file back. Lines written later are dropped. */
  close(): Promise<void>
  /** Lines lost since the start: disk full, reader gone, or too slow for too long. */
  readonly dropped: number
}

/** Lines that may wait for a slow disk or pipe, bytes. Then they are dropped: memory is worth more. */
const LARGEST_BACKLOG = 16 << 20
const FLUSH_DEADLINE_MS = 1000
const OWNER_AND_GROUP = 0o640

/**
 * @param stdout the descriptor that `stdout` stands for
 * @param onError told of each kind of failure once until a write succeeds again: a full disk is said once, not per line
 * @throws when a file can't be opened for appending
 */
export function openAccessLog(
  plan: LogPlan['access'],
  onError: (error: Error) => void = () => undefined,
  stdout = 1
): AccessLog {
  return plan.kind === 'none' ? NO_LOG : new StreamLog(plan, onError, stdout)
}

const NO_LOG: AccessLog = {
  write: () => undefined,
  reopen: () => undefined,
  flush: () => Promise.resolve(),
  close: () => Promise.resolve(),
  dropped: 0
}

type Sink = ReturnType<typeof pinoDestination>

const NEWLINE = 0x0a

function linesIn(bytes: Uint8Array): number {
  let count = 0
  for (const byte of bytes) if (byte === NEWLINE) count++
  return count
}

class StreamLog implements AccessLog {
  dropped = 0
  readonly #stream: Sink
  readonly #file: boolean
  readonly #onError: (error: Error) => void
  #failing = ''
  #closed = false
  /** Bytes handed to the stream that it has not yet written. */
  #waiting = 0

  constructor(plan: Exclude<LogPlan['access'], { kind: 'none' }>, onError: (error: Error) => void, stdout: number) {
    this.#file = plan.kind === 'file'
    this.#onError = onError
    // The stream opens in the background; a name that can't be opened has to be said now.
    if (plan.kind === 'file') closeSync(openSync(plan.path, 'a', OWNER_AND_GROUP))
    const dest = plan.kind === 'file' ? plan.path : plan.kind === 'stdout' ? stdout : 2
    this.#stream = pinoDestination({
      dest,
      sync: false,
      append: true,
      mode: OWNER_AND_GROUP,
      maxLength: LARGEST_BACKLOG,
      contentMode: 'buffer'
    })
    this.#stream.on('error', (error: Error) => this.#failed(error))
    this.#stream.on('write', (bytes: number) => {
      this.#waiting -= bytes
      this.#failing = ''
    })
    this.#stream.on('drop', (lines: Uint8Array) => {
      this.dropped += linesIn(lines)
      this.#waiting -= lines.length
    })
  }

  write(lines: Uint8Array, count: number): void {
    if (this.#closed) {
      this.dropped += count
      return
    }
    this.#waiting += lines.length
    try {
      // In its buffer mode the stream takes bytes; its types know of text only.
      this.#stream.write(lines as unknown as string)
    } catch (error) {
      // A stream whose file went away while it was being opened again.
      this.dropped += count
      this.#waiting -= lines.length
      this.#failed(error instanceof Error ? error : new Error(String(error)))
    }
  }

  reopen(): void {
    if (this.#file && !this.#closed) this.#stream.reopen()
  }

  /** Not the stream's own flushSync: on a full disk that tries for ever. */
  async flush(deadline = FLUSH_DEADLINE_MS): Promise<void> {
    const end = performance.now() + deadline
    while (this.#waiting > 0 && this.#failing === '' && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.flush()
    this.#stream.destroy()
  }

  #failed(error: Error & { code?: string }): void {
    const kind = error.code ?? error.message
    if (kind === this.#failing) return
    this.#failing = kind
    this.#onError(error)
  }
}
