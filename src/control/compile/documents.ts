/**
 * Documents that a configuration names or holds: certificates, keys, key sets. A value is the text itself (PEM) or
 * the path of a file, relative to the file it is written in. Files read are remembered, for whoever watches them.
 */
import { resolve } from 'node:path'
import { readText } from '../config/read.ts'
import type { Path, Report } from './report.ts'

/** Certificates, keys and key sets are a few kilobytes; a path to something else should fail, not fill memory. */
const MAX_BYTES = 1 << 20

export class Documents {
  readonly #files = new Set<string>()
  readonly #report: Report
  readonly #dirOf: (path: Path) => string

  constructor(report: Report, dirOf: (path: Path) => string) {
    this.#report = report
    this.#dirOf = dirOf
  }

  /** Absolute paths of the files read or looked for, in order. */
  get files(): string[] {
    return [...this.#files]
  }

  /** Absolute path that `value`, written at `path`, names. */
  resolve(value: string, path: Path): string {
    return resolve(this.#dirOf(path), value)
  }

  /** A file that somebody else reads, or looks for. */
  notice(file: string): void {
    this.#files.add(file)
  }

  /** PEM text as it stands, or the content of the file named; null when it can't be read, which is then reported. */
  pem(value: string, path: Path): string | null {
    return isPem(value) ? value : this.read(value, path)
  }

  /** Content of the file `value` names, or null when it can't be read, which is then reported. */
  read(value: string, path: Path): string | null {
    const file = this.resolve(value, path)
    this.#files.add(file)
    const content = readText(file, MAX_BYTES)
    if (!('fault' in content)) return content.text
    // A key that was to be named by a reference, and came in it instead, is no path to print.
    this.#report.error(path, `${this.#report.quoting(path, file, 'the file that is named here')} ${content.fault}`)
    return null
  }
}

/** Whether a value is a document itself instead of the path to one. */
function isPem(value: string): boolean {
  return value.includes('-----BEGIN ')
}
