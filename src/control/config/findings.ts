/** What is wrong with a configuration, gathered with its places, and printed for a person. */
import { styleText } from 'node:util'
import { type Node, type SourceFile, whereOf } from './nodes.ts'
import type { Finding, Path, Severity } from './result.ts'

/** More are noise: most of them follow from the first. */
const MAX_PRINTED = 100

interface Placed extends Finding {
  file: SourceFile
  offset: number
}

export class Findings {
  readonly #found: Placed[] = []
  /** Files in the order in which something was found in them: the root's first. */
  readonly #order: (path: string) => number
  #errors = 0

  /** `order` gives a file's place among those read. */
  constructor(order: (path: string) => number) {
    this.#order = order
  }

  get failed(): boolean {
    return this.#errors > 0
  }

  /** At `node`, or at another place of its file, such as a key. */
  add(severity: Severity, node: Node, path: Path, message: string, offset = node.offset): void {
    if (severity === 'error') this.#errors++
    const { file } = node
    this.#found.push({ severity, where: whereOf(file, offset), path: pathText(path), message, file, offset })
  }

  error(node: Node, path: Path, message: string, offset = node.offset): void {
    this.add('error', node, path, message, offset)
  }

  warn(node: Node, path: Path, message: string): void {
    this.add('warning', node, path, message)
  }

  /** In the order of files and lines; what was found twice at one place is said once. */
  sorted(): Finding[] {
    const seen = new Set<string>()
    return this.#found
      .toSorted((a, b) => this.#order(a.file.path) - this.#order(b.file.path) || a.offset - b.offset)
      .filter(({ where, message }) => !seen.has(`${where} ${message}`) && seen.add(`${where} ${message}`))
      .map(({ severity, where, path, message }) => ({ severity, where, path, message }))
  }
}

/** `services[0].routes[2].match`; keys that are no plain words are quoted. */
export function pathText(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (!/^[\w-]+$/.test(step)) text += `[${JSON.stringify(step)}]`
    else text += text === '' ? step : `.${step}`
  }
  return text
}

/** One line for each finding, errors first, at most 100 and then how many more there are. */
export function printFindings(findings: readonly Finding[], options: { color: boolean }): string {
  const paint = (format: Parameters<typeof styleText>[0], text: string) =>
    options.color ? styleText(format, text, { validateStream: false }) : text
  const ordered = findings.toSorted((a, b) => Number(a.severity === 'warning') - Number(b.severity === 'warning'))
  const lines = ordered.slice(0, MAX_PRINTED).map(({ severity, where, path, message }) => {
    const said = severity === 'warning' ? `${paint('yellow', 'warning:')} ${message}` : paint('red', message)
    return [paint('bold', where), ...(path === '' ? [] : [paint('dim', path)]), said].join('  ')
  })
  const more = ordered.length - lines.length
  if (more > 0) lines.push(`and ${more} more`)
  return lines.map((line) => `${line}\n`).join('')
}
