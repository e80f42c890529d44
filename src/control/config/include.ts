/**
 * `{ file: path }`: what that file holds, wherever a mapping or a list is expected; as an item of a list, its items
 * take its place. Paths are relative to the file they stand in. A name may hold `*` and `?`; then every file that
 * matches is taken, in the order of their names, and what they hold is one list.
 */
import { readdirSync, realpathSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import type { References } from './interpolate.ts'
import { broken, type ListNode, type Node, type ScalarNode } from './nodes.ts'
import { reasonOf } from './read.ts'
import { isReadable, readSource } from './source.ts'

/** Files one configuration may include, each time counted: two files that include each other's halves grow fast. */
const MAX_FILES = 5_000

export class Inclusion {
  /** Absolute paths of the files read, in order. */
  readonly files = new Set<string>()
  /** Absolute paths of the directories whose names were matched: a new file there may belong to the configuration. */
  readonly directories = new Set<string>()
  readonly #references: References
  readonly #ownFileKeys: ReadonlySet<string>
  readonly #shownPath: (path: string) => string
  /** Real paths of the files being read, outermost first. */
  readonly #open: string[] = []
  #count = 0

  /** `ownFileKeys`: keys under which `file` is a setting of its own (jwks). */
  constructor(references: References, ownFileKeys: ReadonlySet<string>, shownPath: (path: string) => string) {
    this.#references = references
    this.#ownFileKeys = ownFileKeys
    this.#shownPath = shownPath
  }

  /** The whole tree of a file: parsed, references resolved, inclusions in place. */
  read(path: string, shown = this.#shownPath(path)): Node {
    this.files.add(path)
    const node = readSource(path, shown)
    this.#references.resolve(node)
    this.#open.push(realPath(path))
    const expanded = this.#expand(node, null)
    this.#open.pop()
    return expanded
  }

  #expand(node: Node, key: string | null): Node {
    if (node.kind === 'scalar') return node
    const file = key !== null && this.#ownFileKeys.has(key) ? null : fileOf(node)
    if (file !== null) return this.#included(file)
    if (node.kind === 'mapping') {
      for (const [name, entry] of node.entries) entry.value = this.#expand(entry.value, name)
      return node
    }
    // Most lists include nothing (30,000 of 10,000 consumers): they keep their arrays.
    if (!node.items.some((item) => fileOf(item) !== null)) {
      node.items.forEach((item, i) => (node.items[i] = this.#expand(item, null)))
      return node
    }
    const items: Node[] = []
    for (const item of node.items) {
      const inside = fileOf(item)
      if (inside === null) items.push(this.#expand(item, null))
      else append(items, this.#included(inside))
    }
    node.items = items
    return node
  }

  #included(at: ScalarNode): Node {
    const fail = (message: string) => broken(at.file, [{ offset: at.offset, message }])
    if (at.problems) return at
    if (at.origin === 'placeholder')
      return fail('which file is included depends on a reference, and references are not read (--no-secrets)')
    const written = at.value
    if (typeof written !== 'string' || written === '') return fail('expected the path of a file')
    const from = dirname(at.file.path)
    if (!/[*?]/.test(written)) return this.#one(resolve(from, written), at)
    const paths = this.#matches(resolve(from), written)
    if (paths.length === 0) return fail(`no file matches ${at.secret ? 'this pattern' : JSON.stringify(written)}`)
    const list: ListNode = { kind: 'list', file: at.file, offset: at.offset, items: [] }
    for (const path of paths) append(list.items, this.#one(path, at))
    return list
  }

  #one(path: string, at: ScalarNode): Node {
    const fail = (message: string) => broken(at.file, [{ offset: at.offset, message }])
    const name = at.secret ? 'this file' : JSON.stringify(this.#shownPath(path))
    const cycle = this.#open.indexOf(realPath(path))
    if (cycle >= 0) {
      const circle = [...this.#open.slice(cycle), realPath(path)].map(this.#shownPath).join(' → ')
      return fail(`this file includes itself: ${circle}`)
    }
    if (!isReadable(path)) return fail(`can't include ${name}: it must end in .yaml, .yml, .json, .jsonl or .txt`)
    if (++this.#count > MAX_FILES) return fail(`more than ${MAX_FILES} files are included`)
    const reason = unreadable(path)
    if (reason === null) return this.read(path)
    this.files.add(path)
    return fail(`can't include ${name}: it ${reason}`)
  }

  /** Absolute paths that a pattern matches, sorted. */
  #matches(from: string, pattern: string): string[] {
    let found = [pattern.startsWith('/') ? '/' : from]
    const steps = pattern.split('/').filter((step) => step !== '')
    for (const [i, step] of steps.entries()) {
      if (!/[*?]/.test(step)) {
        found = found.map((directory) => join(directory, step))
        continue
      }
      const last = i === steps.length - 1
      found = found.flatMap((directory) => {
        this.directories.add(directory)
        try {
          const entries = readdirSync(directory, { withFileTypes: true })
          return entries
            .filter((entry) => nameMatches(step, entry.name) && (last ? !entry.isDirectory() : !entry.isFile()))
            .map((entry) => join(directory, entry.name))
        } catch {
          return []
        }
      })
    }
    return found.toSorted()
  }
}

/** Splices lists in. Not by a spread: a call takes some 100,000 arguments, and a list may be longer. */
function append(items: Node[], content: Node): void {
  // A list with a problem of its own (a tag) stays one item, or the problem would be lost.
  if (content.kind !== 'list' || content.problems) items.push(content)
  else for (const item of content.items) items.push(item)
}

/** The value of `file`, if that is all the node holds. */
function fileOf(node: Node): ScalarNode | null {
  if (node.kind !== 'mapping' || node.entries.size !== 1) return null
  const value = node.entries.get('file')?.value
  return value?.kind === 'scalar' ? value : null
}

/**
 * `*` is any run of characters, `?` any one; names that start with a dot are matched by neither. By hand, because a
 * regular expression made of several `*` can take a time that grows with a power of the name's length.
 */
function nameMatches(pattern: string, name: string): boolean {
  if (name.startsWith('.') && !pattern.startsWith('.')) return false
  let p = 0
  let n = 0
  let star = -1
  let resume = 0
  while (n < name.length) {
    if (pattern[p] === '*') {
      star = p++
      resume = n
    } else if (pattern[p] === '?' || pattern[p] === name[n]) {
      p++
      n++
    } else if (star >= 0) {
      p = star + 1
      n = ++resume
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

function unreadable(path: string): string | null {
  try {
    realpathSync(path)
    return null
  } catch (error) {
    return reasonOf(error)
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

/** A path as a person in `cwd` calls it: relative when it lies inside, else absolute. */
export function shownFrom(cwd: string): (path: string) => string {
  return (path) => {
    const way = relative(cwd, path)
    return way === '' || way === '..' || way.startsWith('../') ? path : way
  }
}
