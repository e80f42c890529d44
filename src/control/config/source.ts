/** A file of any of the formats a configuration is written in, as one tree of nodes. */
import { extname } from 'node:path'
import { parseJson } from './json.ts'
import { broken, lineStartsOf, type Node, scalar, type SourceFile } from './nodes.ts'
import { readText } from './read.ts'
import { parseYaml } from './yaml.ts'

const MIB = 1 << 20
/** Beyond these a file is a mistake, or would hold the control thread for seconds: YAML is slow to parse. */
const MAX_BYTES: Readonly<Record<string, number>> = {
  '.yaml': 4 * MIB,
  '.yml': 4 * MIB,
  '.json': 64 * MIB,
  '.jsonl': 256 * MIB,
  '.txt': 64 * MIB
}

/** Whether `path` has one of the endings that can be read. */
export function isReadable(path: string): boolean {
  return extname(path) in MAX_BYTES
}

/**
 * Reads `path` (absolute), called `shown` in messages. A root file of any other name is YAML; an included file must
 * have a known ending. What can't be read or parsed comes back as a node with its problems.
 */
export function readSource(path: string, shown: string): Node {
  const format = isReadable(path) ? extname(path) : '.yaml'
  const content = readText(path, MAX_BYTES[format] ?? 0)
  const file: SourceFile = { path, shown, lineStarts: lineStartsOf(content.text) }
  if ('fault' in content) {
    const larger = content.fault.startsWith('is larger') && format.startsWith('.y')
    const hint = larger ? '; split it with { file: … }, long lists into .jsonl' : ''
    return broken(file, [{ offset: content.offset, message: `the file ${content.fault}${hint}` }])
  }
  const { text } = content
  if (format === '.json') return parseJson(file, text)
  if (format === '.jsonl') return linesOf(file, text, (start, end) => parseJson(file, text, start, end))
  if (format === '.txt') return linesOf(file, text, (start, end) => textLine(file, text, start, end))
  return parseYaml(file, text)
}

/** A list with one item a line. Empty lines count for nothing. */
function linesOf(file: SourceFile, text: string, item: (start: number, end: number) => Node | null): Node {
  const items: Node[] = []
  for (let i = 0; i < file.lineStarts.length; i++) {
    const start = file.lineStarts[i] ?? 0
    const end = (file.lineStarts[i + 1] ?? text.length + 1) - 1
    if (text.slice(start, end).trim() === '') continue
    const node = item(start, end)
    if (node !== null) items.push(node)
  }
  return { kind: 'list', file, offset: 0, items }
}

/** What stands before a `#` at the line's start or after white space. */
function textLine(file: SourceFile, text: string, start: number, end: number): Node | null {
  const line = text.slice(start, end)
  const comment = line.search(/(?:^|\s)#/)
  const value = (comment < 0 ? line : line.slice(0, comment)).trim()
  if (value === '') return null
  return scalar(file, start + line.indexOf(value), value, value)
}
