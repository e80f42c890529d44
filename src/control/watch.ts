import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs'

/** How often the files' times are looked at, ms. Polling sees renames, symlink swaps and network file systems alike. */
const POLL = 500
/** Two reads this far apart must agree before a change is believed: an editor or a copy may be half done. */
const SETTLE = 300
/** A file's times lag behind the clock by up to a kernel tick, ms. */
const TICK = 10

/**
 * Watches the files a configuration was read from, and the folders that its globs look into (a new file may match).
 * `changed` is called once per settled change.
 */
export class FileWatch {
  readonly #changed: () => void
  #timer: NodeJS.Timeout | undefined
  /** What was seen of each place, as `stampOf` says; a place that changed while it was read differs from any. */
  #seen = new Map<string, string>()
  #files: readonly string[] = []
  #settling = false

  constructor(changed: () => void) {
    this.#changed = changed
  }

  /** From now on changes are told, those since the last `reading` among them. */
  begin(): void {
    this.#timer = setInterval(() => this.#poll(), POLL).unref()
  }

  /**
   * To be called before the files are read. Reading and compiling takes seconds for a large configuration, and what
   * changes meanwhile must count as a change.
   * @returns what replaces the watched files and folders by those that were read; `began` is when, ms
   * since the epoch, if that was before the call
   */
  reading(): (files: readonly string[], began?: number) => void {
    const before = new Map([...this.#seen.keys()].map((place) => [place, stampOf(place)]))
    const called = Date.now()
    return (files, began = called) => {
      this.#files = [...new Set(files)].toSorted()
      this.#seen = new Map(this.#files.map((place) => [place, before.get(place) ?? stampOf(place, began - TICK)]))
    }
  }

  get files(): readonly string[] {
    return this.#files
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #poll(): void {
    if (this.#settling || !this.differs()) return
    this.#settling = true
    this.#settle(contentOf(this.#files))
  }

  /** Whether anything changed since it was read last, whether or not the change has settled. */
  differs(): boolean {
    for (const [place, stamp] of this.#seen) if (stampOf(place) !== stamp) return true
    return false
  }

  #settle(before: string): void {
    setTimeout(() => {
      const now = contentOf(this.#files)
      if (now !== before) return this.#settle(now)
      this.#settling = false
      // Somebody who could not wait has read it meanwhile.
      if (!this.differs()) return
      for (const place of this.#seen.keys()) this.#seen.set(place, stampOf(place))
      this.#changed()
    }, SETTLE).unref()
  }
}

const CHANGED_SINCE = 'changed while it was read'

/** @param since ms since the epoch: a file that changed after it has no stamp that could be trusted */
function stampOf(place: string, since = Infinity): string {
  try {
    const s = statSync(place, { bigint: true })
    if (s.isDirectory()) return String(s.mtimeNs)
    return Number(s.ctimeMs) >= since ? CHANGED_SINCE : `${s.ino}:${s.size}:${s.mtimeNs}:${s.ctimeNs}`
  } catch {
    return 'absent'
  }
}

/** Larger files are known by their times and size: this thread has other things to do than to read them twice. */
const MOST_READ = 4 << 20

function contentOf(files: readonly string[]): string {
  const hash = createHash('sha256')
  for (const file of files) hash.update(bytesOf(file)).update('\0')
  return hash.digest('hex')
}

/** Only an ordinary file is read, and nothing waits for it: a pipe would not end, and neither would a device. */
function bytesOf(path: string): string | Buffer {
  let file: number
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch {
    return 'absent'
  }
  try {
    const status = fstatSync(file)
    return status.isFile() && status.size <= MOST_READ ? readFileSync(file) : stampOf(path)
  } catch {
    return 'absent'
  } finally {
    closeSync(file)
  }
}
