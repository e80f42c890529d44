/**
 * `by`'s words: what a limit counts by, and what `{…}` in a header value, a rewrite or an answer stands for.
 * The configuration writes `path:id` for the part of the path called id, where a plan has the kind `path-name`.
 */
import type { KeyPart } from '../../plan/values.ts'
import { nearest } from './nearest.ts'

const PLAIN = ['ip', 'caller', 'consumer', 'credential', 'route', 'service', 'host', 'path', 'all'] as const
const NAMED = {
  header: 'header',
  cookie: 'cookie',
  query: 'query',
  path: 'path-name',
  host: 'host-name',
  claim: 'claim',
  attribute: 'attribute'
} as const
type NamedWord = keyof typeof NAMED

/** RFC 9110 section 5.6.2: what a header's or a cookie's name is made of. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** The words that speak of who calls: known after `auth` only. */
const OF_THE_CALLER: ReadonlySet<KeyPart['kind']> = new Set(['caller', 'consumer', 'credential', 'claim', 'attribute'])
/** The words whose values a client picks freely, so that a new value is a new count. */
const OF_THE_CLIENTS_CHOICE: ReadonlySet<KeyPart['kind']> = new Set(['header', 'cookie', 'query'])
/** The words that say what is asked for, which tells no client from another. */
const OF_ITS_TARGET: ReadonlySet<KeyPart['kind']> = new Set([
  'route',
  'service',
  'host',
  'path',
  'all',
  'path-name',
  'host-name'
])

/** The names a route's patterns define: what `path:x` and `host:x` may name there. */
export interface PatternNames {
  /** Names that every path of the route has. */
  path: readonly string[]
  /** Names that every host of the route has. */
  host: readonly string[]
}

/** Reads one word, `ip` or `claim:sub`. Header names come out in lower case. */
export function parseKeyPart(word: string): { part: KeyPart } | { reason: string } {
  const colon = word.indexOf(':')
  const kind = colon < 0 ? word : word.slice(0, colon)
  const name = colon < 0 ? '' : word.slice(colon + 1)
  if (colon < 0 && isPlain(kind)) return { part: { kind } }
  if (isNamed(kind)) {
    if (name === '') return { reason: `${JSON.stringify(kind)} needs a name, as in ${kind}:${exampleOf(kind)}` }
    if ((kind === 'header' || kind === 'cookie') && !TOKEN.test(name))
      return { reason: `${JSON.stringify(name)} can't be the name of a ${kind}` }
    return { part: { kind: NAMED[kind], name: kind === 'header' ? name.toLowerCase() : name } }
  }
  if (isPlain(kind)) return { reason: `${JSON.stringify(kind)} takes no name` }
  const near = nearest(kind, [...PLAIN, ...Object.keys(NAMED)])
  const words = `${PLAIN.join(' ')}, or with a name ${Object.keys(NAMED).join(': ')}:`
  return { reason: `${JSON.stringify(word)} is none of ${words}${near === null ? '' : `; did you mean ${near}?`}` }
}

/** What is wrong with `part` on a route whose patterns define `names`; null when nothing is. */
export function danglingName(part: KeyPart, names: PatternNames): string | null {
  if (part.kind !== 'path-name' && part.kind !== 'host-name') return null
  const [word, known] = part.kind === 'path-name' ? (['path', names.path] as const) : (['host', names.host] as const)
  if (known.includes(part.name)) return null
  const near = nearest(part.name, known)
  return `${word}:${part.name} needs {${part.name}} in every ${word} of the route${near === null ? '' : `; did you mean ${near}?`}`
}

export function asksTheCaller(parts: readonly KeyPart[]): boolean {
  return parts.some((part) => OF_THE_CALLER.has(part.kind))
}

/** Whether nothing but values of the client's own choice tells one client's count from another's. */
export function onlyClientChosen(parts: readonly KeyPart[]): boolean {
  return (
    parts.some((part) => OF_THE_CLIENTS_CHOICE.has(part.kind)) &&
    parts.every((part) => OF_THE_CLIENTS_CHOICE.has(part.kind) || OF_ITS_TARGET.has(part.kind))
  )
}

function isPlain(word: string): word is (typeof PLAIN)[number] {
  return (PLAIN as readonly string[]).includes(word)
}

function isNamed(word: string): word is NamedWord {
  return Object.hasOwn(NAMED, word)
}

function exampleOf(kind: NamedWord): string {
  return {
    header: 'x-tenant',
    cookie: 'session',
    query: 'tenant',
    path: 'id',
    host: 'tenant',
    claim: 'sub',
    attribute: 'tier'
  }[kind]
}
