/**
 * Schema documents and what they refer to: files, never the network. A reference leads beneath the configuration's
 * own folder or nowhere, whatever links stand on the way.
 */
import { realpathSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { plain, whereOf, type Node } from '../config/nodes.ts'
import type { Path } from '../config/result.ts'
import { reasonOf } from '../config/read.ts'
import { readSource } from '../config/source.ts'
import type { Where } from '../../plan/policy.ts'

/** A document by the URI of where it was read. */
export interface SchemaDocument {
  uri: string
  value: unknown
  /** Where the value at `at` stands. */
  where(at: Path): Where
}

export class SchemaFiles {
  readonly #root: string
  readonly #shown: (path: string) => string
  readonly #noticed: (path: string) => void
  readonly #read = new Map<string, SchemaDocument | string>()

  /**
   * @param root absolute: what references may lead to lies beneath it
   * @param shown a path as messages call it
   * @param noticed hears of every file that was read or looked for
   */
  constructor(root: string, shown: (path: string) => string, noticed: (path: string) => void) {
    this.#root = root
    this.#shown = shown
    this.#noticed = noticed
  }

  /** The document in a file that the configuration names; a string: why there is none. */
  open(path: string): SchemaDocument | string {
    const known = this.#read.get(path)
    if (known !== undefined) return known
    this.#noticed(path)
    const document = this.#document(path)
    this.#read.set(path, document)
    return document
  }

  /** The document that a reference leads to. */
  follow(uri: string): SchemaDocument | string {
    if (!uri.startsWith('file:')) return 'only files are read, nothing is fetched'
    let path: string
    try {
      path = fileURLToPath(uri)
      this.#noticed(path)
      const way = relative(realpathSync(this.#root), realpathSync(path))
      if (way === '..' || way.startsWith('../')) return `${path} lies outside of the configuration's folder`
    } catch (error) {
      return reasonOf(error)
    }
    return this.open(path)
  }

  #document(path: string): SchemaDocument | string {
    const node = readSource(path, this.#shown(path))
    const problem = problemIn(node)
    if (problem !== null) return problem
    return {
      uri: pathToFileURL(path).href,
      value: plain(node),
      where(at) {
        const { file, offset } = nodeAt(node, at)
        return whereOf(file, offset)
      }
    }
  }
}

function problemIn(node: Node): string | null {
  const [problem] = node.problems ?? []
  if (problem) return `${whereOf(node.file, problem.offset)}: ${problem.message}`
  const below = node.kind === 'list' ? node.items : node.kind === 'mapping' ? [...node.entries.values()] : []
  for (const child of below) {
    const found = problemIn('value' in child && 'keyOffset' in child ? child.value : (child as Node))
    if (found !== null) return found
  }
  return null
}

/** The node that steps lead to, or the last there is on the way. */
function nodeAt(root: Node, at: Path): Node {
  let node = root
  for (const step of at) {
    const next: Node | undefined =
      node.kind === 'list'
        ? node.items[Number(step)]
        : node.kind === 'mapping'
          ? node.entries.get(String(step))?.value
          : undefined
    if (next === undefined) break
    node = next
  }
  return node
}
