/** What has a name in a configuration, for references to it and for "did you mean". */
import { nearest } from './nearest.ts'
import { child, itemsOf, type Node, textOf } from './nodes.ts'
import type { NameKind } from './schema/shapes.ts'

const LISTS: Readonly<Record<NameKind, string>> = {
  listener: 'listen',
  issuer: 'issuers',
  consumer: 'consumers',
  profile: 'profiles',
  upstream: 'upstreams'
}

export class Names {
  readonly #byKind = new Map<NameKind, ReadonlySet<string>>()

  constructor(root: Node) {
    for (const [kind, list] of Object.entries(LISTS) as [NameKind, string][]) {
      const names = itemsOf(child(root, list)).map((item) => textOf(child(item, 'name') ?? unnamed(kind, item)))
      this.#byKind.set(kind, new Set(names.filter((name) => name !== undefined)))
    }
  }

  /** Why nothing of this kind has that name; null when something has. */
  dangling(kind: NameKind, name: string): string | null {
    const known = this.#byKind.get(kind) ?? new Set()
    if (known.has(name)) return null
    if (known.size === 0) return `no ${kind} named ${JSON.stringify(name)}: none is defined under ${LISTS[kind]}`
    return `no ${kind} named ${JSON.stringify(name)}${didYouMean(name, known)}`
  }
}

/** A listener without a name is called by its address. */
function unnamed(kind: NameKind, item: Node): Node | undefined {
  return kind === 'listener' ? child(item, 'address') : undefined
}

/** `; did you mean "corp"?`, or nothing when nothing is near. */
export function didYouMean(written: string, known: Iterable<string>): string {
  const near = suggestion(written, known)
  return near === null ? '' : `; did you mean ${JSON.stringify(near)}?`
}

/** The known word that was probably meant: the same but for case, `-` and `_`, or else the nearest. */
export function suggestion(written: string, known: Iterable<string>): string | null {
  const words = [...known]
  const same = words.find((word) => bare(word) === bare(written))
  return same ?? nearest(written.slice(0, 128), words)
}

function bare(word: string): string {
  return word.toLowerCase().replace(/[-_]/g, '')
}
