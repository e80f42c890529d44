/** Reads a configuration file with all it includes, and checks it: the entry of this room. */
import { dirname, resolve } from 'node:path'
import { Checker } from './check.ts'
import { Findings } from './findings.ts'
import { Inclusion, shownFrom } from './include.ts'
import { References } from './interpolate.ts'
import { Names } from './names.ts'
import { type Node, plain, whereOf } from './nodes.ts'
import type { Finding, Loaded, LoadOptions, Path } from './result.ts'
import { routeConflicts } from './route-conflicts.ts'
import { checkRules } from './rules.ts'
import { unguardedRoutes } from './unguarded-routes.ts'
import { type Config, rootShape } from './schema.ts'
import { ownFileKeys } from './schema/shapes.ts'

export { printFindings } from './findings.ts'
export type { Finding, Loaded, LoadOptions, Path, Severity } from './result.ts'
export type { Config } from './schema.ts'

const OWN_FILE_KEYS = ownFileKeys(rootShape)

export interface LoadResult {
  /** Null when there is any error. */
  loaded: Loaded | null
  findings: Finding[]
  /** As in Loaded, also after errors: the change that mends them is to be seen. */
  files: string[]
  directories: string[]
}

/** `file` as the user gave it; the findings call it so. Everything wrong is found at once. Never throws for what is in files. */
export function loadConfig(file: string, options: LoadOptions = {}): LoadResult {
  const references = new References(options.env ?? process.env, options.secrets ?? true)
  const inclusion = new Inclusion(references, OWN_FILE_KEYS, shownFrom(process.cwd()))
  const root = inclusion.read(resolve(file), options.name ?? file)
  const order = new Map([...inclusion.files].map((path, i) => [path, i]))
  const findings = new Findings((path) => order.get(path) ?? order.size)
  new Checker(findings, new Names(root)).check(root, rootShape)
  checkRules(root, findings)
  if (findings.failed) {
    routeConflicts(root, findings)
    unguardedRoutes(root, findings)
  }
  const files = [...new Set([...inclusion.files, ...references.files])]
  const directories = [...inclusion.directories]
  const loaded = findings.failed ? null : loadedFrom(root, files, directories, [...references.envNames])
  return { loaded, findings: findings.sorted(), files, directories }
}

function loadedFrom(root: Node, files: string[], directories: string[], envNames: string[]): Loaded {
  return {
    // The checker has just found every value to be of its schema's type, and the types are the schema's.
    config: plain(root) as Config,
    where(path) {
      const node = nodeAt(root, path).node
      return whereOf(node.file, node.offset)
    },
    dirOf: (path) => dirname(nodeAt(root, path).node.file.path),
    isSecret: (path) => isScalarWith(root, path, (node) => node.secret),
    isPlaceholder: (path) => isScalarWith(root, path, (node) => node.origin === 'placeholder'),
    files,
    directories,
    envNames
  }
}

/** The node at a path, or the nearest ancestor there is; `exact` says which. */
function nodeAt(root: Node, path: Path): { node: Node; exact: boolean } {
  let node = root
  for (const step of path) {
    const next = stepInto(node, step)
    if (next === undefined) return { node, exact: false }
    node = next
  }
  return { node, exact: true }
}

function stepInto(node: Node, step: string | number): Node | undefined {
  if (node.kind === 'list') return typeof step === 'number' ? node.items[step] : undefined
  return node.kind === 'mapping' ? node.entries.get(String(step))?.value : undefined
}

function isScalarWith(root: Node, path: Path, test: (node: Extract<Node, { kind: 'scalar' }>) => boolean): boolean {
  const { node, exact } = nodeAt(root, path)
  return exact && node.kind === 'scalar' && test(node)
}
