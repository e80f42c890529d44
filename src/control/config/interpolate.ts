/**
 * `${env:NAME}`, `${env:NAME:-default}`, `${file:path}` and `$${`, resolved once in every scalar before it gets its
 * type: what a reference brings in is never read for references again, and never taken for YAML.
 */
import { dirname, resolve } from 'node:path'
import { addProblem, type Node, type ScalarNode } from './nodes.ts'
import { readText } from './read.ts'

const MAX_BYTES = 1 << 20
const REFERENCE = /\$\$\{|\$\{([^}]*)\}?/g
const ENV = /^env:([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/

/** Resolves references, and remembers what was asked for. */
export class References {
  readonly envNames = new Set<string>()
  /** Absolute paths of the files read. */
  readonly files = new Set<string>()
  readonly #env: Readonly<Record<string, string | undefined>>
  readonly #secrets: boolean

  /** `secrets` false: nothing is read; a scalar with a reference becomes a placeholder: of its default, or of any type. */
  constructor(env: Readonly<Record<string, string | undefined>>, secrets: boolean) {
    this.#env = env
    this.#secrets = secrets
  }

  /** In every scalar of a freshly parsed tree. */
  resolve(node: Node): void {
    if (node.kind === 'list') for (const item of node.items) this.resolve(item)
    else if (node.kind === 'mapping') for (const entry of node.entries.values()) this.resolve(entry.value)
    else if (typeof node.value === 'string' && node.value.includes('${') && !node.problems)
      this.#scalar(node, node.value)
  }

  #scalar(node: ScalarNode, written: string): void {
    let refers = false
    let known = true
    const text = written.replace(REFERENCE, (whole: string, inside: string | undefined) => {
      if (inside === undefined) return '${'
      refers = true
      if (!whole.endsWith('}')) {
        addProblem(node, node.offset, `"\${" without its "}"; a literal "\${" is written "$\${"`)
        return ''
      }
      const found = this.#one(node, inside)
      known &&= found !== null
      return found ?? ''
    })
    if (!refers) {
      node.value = text
      node.text = text
      return
    }
    node.secret = true
    node.origin = this.#secrets ? 'reference' : 'placeholder'
    if (known || this.#secrets) {
      node.value = text
      node.text = text
    } else node.unknown = true
  }

  /** The text one reference stands for; null after a problem. */
  #one(node: ScalarNode, inside: string): string | null {
    const env = ENV.exec(inside)
    if (env) return this.#fromEnv(node, env[1] ?? '', env[2])
    if (inside.startsWith('file:') && inside.length > 'file:'.length) return this.#fromFile(node, inside.slice(5))
    addProblem(
      node,
      node.offset,
      `"\${${inside}}" is no reference: expected \${env:NAME}, \${env:NAME:-default} or \${file:path}; a literal "\${" is written "$\${"`
    )
    return null
  }

  #fromEnv(node: ScalarNode, name: string, fallback: string | undefined): string | null {
    this.envNames.add(name)
    // What the file itself says is no secret, and nearer to what will hold than any example.
    if (!this.#secrets) return fallback ?? null
    const value = this.#env[name]
    if (value !== undefined && value !== '') return value
    if (fallback !== undefined) return fallback
    const state = value === undefined ? 'is not set' : 'is empty'
    addProblem(node, node.offset, `the environment variable ${name} ${state}; \${env:${name}:-default} gives a default`)
    return null
  }

  #fromFile(node: ScalarNode, written: string): string | null {
    const path = resolve(dirname(node.file.path), written)
    if (!this.#secrets) return null
    this.files.add(path)
    const content = readText(path, MAX_BYTES)
    if ('fault' in content) {
      addProblem(node, node.offset, `\${file:${written}}: the file ${content.fault}`)
      return null
    }
    const value = content.text.replace(/\r?\n$/, '')
    if (value !== '') return value
    addProblem(node, node.offset, `\${file:${written}}: the file is empty`)
    return null
  }
}
