/**
 * YAML 1.2 into nodes; the only importer of `yaml`. Refused, because a value would silently be another than it looks:
 * tags, `<<`, keys that stand twice, `%YAML 1.1`, several documents. Anchors may be used, within bounds.
 */
import { isAlias, isMap, isScalar, isSeq, type ParsedNode, parseDocument } from 'yaml'
import { addEntry } from './json.ts'
import { addProblem, broken, type MappingNode, type Node, type Problem, scalar, type SourceFile } from './nodes.ts'

const MAX_DEPTH = 64
/** Nodes that aliases may add in one file. */
const MAX_COPIES = 10_000

export function parseYaml(file: SourceFile, text: string): Node {
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    merge: false,
    // Repeated keys are found below, where they can be told with their key path.
    uniqueKeys: false,
    strict: true,
    prettyErrors: false,
    // Nothing is ever printed by parseDocument; with `silent` it would also pass over a second document.
    logLevel: 'error'
  })
  const problems: Problem[] = []
  const { version } = document.directives.yaml
  if (version !== '1.2') problems.push({ offset: 0, message: `YAML 1.2 is read here, not ${version}` })
  for (const error of document.errors) {
    if (isReportedAsTag(error.message)) continue
    problems.push({ offset: error.pos[0], message: wordsFor(error, text) })
    // After a syntax error the parser stumbles over every word that follows.
    break
  }
  if (problems.length > 0) return broken(file, problems)
  const root = document.contents
  if (root === null) return broken(file, [{ offset: 0, message: 'the file is empty' }])
  return new Converter(file, text).convert(root, 0)
}

class Converter {
  readonly #file: SourceFile
  readonly #text: string
  readonly #anchors = new Map<string, ParsedNode>()
  /** Anchors whose content is being read or copied: an alias to one of them would never end. */
  readonly #open = new Set<string>()
  #copying = false
  #copies = 0

  constructor(file: SourceFile, text: string) {
    this.#file = file
    this.#text = text
  }

  convert(from: ParsedNode, depth: number): Node {
    const offset = from.range[0]
    if (depth > MAX_DEPTH) return broken(this.#file, [{ offset, message: `nested deeper than ${MAX_DEPTH} levels` }])
    if (isAlias(from)) return this.#alias(from.source, offset, depth)
    if (from.anchor !== undefined) {
      this.#anchors.set(from.anchor, from)
      this.#open.add(from.anchor)
    }
    if (this.#copying) this.#copies++
    const node = this.#content(from, offset, depth)
    if (from.anchor !== undefined) this.#open.delete(from.anchor)
    if (from.tag !== undefined) {
      const tag = tagBefore(this.#text, offset)
      const hint = node.kind === 'scalar' ? '; if it belongs to the text, quote the text' : ''
      addProblem(node, tag.offset, `YAML tags are not used here: ${JSON.stringify(tag.text)}${hint}`)
    }
    return node
  }

  #content(from: Exclude<ParsedNode, { source: string; resolve: unknown }>, offset: number, depth: number): Node {
    if (isScalar(from)) {
      const { value } = from
      const text = from.source ?? String(value)
      const known = typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string'
      return scalar(this.#file, offset, known ? value : null, text)
    }
    if (isSeq(from)) {
      const items = from.items.map((item) => this.convert(item as ParsedNode, depth + 1))
      return { kind: 'list', file: this.#file, offset, items }
    }
    const node: MappingNode = { kind: 'mapping', file: this.#file, offset, entries: new Map() }
    if (isMap(from)) for (const pair of from.items) this.#entry(node, pair.key, pair.value, depth)
    return node
  }

  #entry(node: MappingNode, from: unknown, to: ParsedNode | null, depth: number): void {
    const key = from as ParsedNode
    const offset = key.range[0]
    if (!isScalar(key)) {
      addProblem(node, offset, 'a key is a word, not a list, a mapping or an alias')
    } else if (key.source === '<<' && key.type === 'PLAIN') {
      addProblem(node, offset, '"<<" is not used here: write the keys out, or use profiles and { file: … }')
    } else if (key.tag !== undefined) {
      addProblem(node, offset, 'YAML tags are not used here')
    } else {
      if (key.anchor !== undefined) this.#anchors.set(key.anchor, key)
      const value = to === null ? scalar(this.#file, key.range[1], null, '') : this.convert(to, depth + 1)
      addEntry(node, key.source ?? String(key.value), offset, value)
    }
  }

  /** A copy of what the anchor stands at: every place has its own nodes, and its own place in the key path. */
  #alias(name: string, offset: number, depth: number): Node {
    const target = this.#anchors.get(name)
    if (target === undefined || this.#open.has(name))
      return broken(this.#file, [{ offset, message: `the alias *${name} stands inside what it stands for` }])
    if (this.#copies > MAX_COPIES)
      return broken(this.#file, [{ offset, message: `aliases of this file stand for more than ${MAX_COPIES} values` }])
    const outer = this.#copying
    this.#copying = true
    const copy = this.convert(target, depth)
    this.#copying = outer
    return copy
  }
}

/** The tag that stands before `offset`. */
function tagBefore(text: string, offset: number): { offset: number; text: string } {
  let at = text.lastIndexOf('!', offset - 1)
  while (at > 0 && !/\s|[[{,]/.test(text[at - 1] ?? ' ')) at--
  if (at < 0) return { offset, text: '!' }
  return { offset: at, text: /^[^\s,\]}]*/.exec(text.slice(at, at + 60))?.[0] ?? '!' }
}

/** Unknown tags are also errors of the parser; the nodes that carry them say it with their key path. */
function isReportedAsTag(message: string): boolean {
  return message.startsWith('Unresolved tag')
}

function wordsFor(error: { code: string; message: string; pos: [number, number] }, text: string): string {
  if (/\$\{?$/.test(text.slice(0, error.pos[0])))
    return 'not YAML: between { } and [ ] a reference is quoted: "${env:NAME}"'
  if (error.code === 'MULTIPLE_DOCS') return 'a second document starts here ("---"); one file is one document'
  if (error.code === 'RESOURCE_EXHAUSTION') return `nested deeper than ${MAX_DEPTH} levels`
  if (error.code === 'TAB_AS_INDENT') return 'indented with a tab; YAML indents with spaces'
  if (MISPLACED.test(error.message))
    return 'not YAML: indented like nothing above it; keys of one mapping stand in one column, items of a list begin with "- "'
  if (NO_KEY.test(error.message)) return 'not YAML: a key needs ": " behind it; a text of several lines is quoted'
  if (error.message.startsWith('Nested mappings are not allowed'))
    return 'not YAML: a text with ": " in it is quoted; keys below a key stand on lines of their own'
  return `not YAML: ${error.message}`
}

/** What the parser says, in its own terms, of a line that stands in no column where one could. */
const MISPLACED = /^(Sequence item without - indicator|All (mapping|sequence) items must start at the same column)/
const NO_KEY = /^Implicit (map )?keys need to be (on a single line|followed by map values)/
