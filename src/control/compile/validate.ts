/** `validate`: settings, of which the nearer level wins key by key. */
import type { JsonBounds } from '../../json.ts'
import type { ValidateConfig } from '../config/schema.ts'
import type { ParametersPlan, SchemaPlan, ValidatePlan } from '../../plan/validation.ts'
import { size } from './checked.ts'
import { speaking, type Block, type Sourced } from './levels.ts'
import type { Path, Report } from './report.ts'
import type { OpenApiDocuments } from './openapi.ts'
import type { Schemas, WrittenSchema } from './schemas.ts'

const MAX_BODY = 10 << 20
/** Of bodies whose content is looked at. Generous, yet no validator recurses or compares without end over them. */
const BOUNDS: JsonBounds = { depth: 64, keys: 10_000, items: 100_000 }

type Said = Sourced<ValidateConfig>

/** What makes documents of a configuration executable, each once. */
export interface Compilers {
  readonly schemas: Schemas
  readonly openapi: OpenApiDocuments
}

/**
 * What a route enforces of `validate`, and what it only tries out; null when that is nothing. Shadow covers what
 * stands beside it, never a farther level: a key said in shadow leaves the enforced one, or the default, as it is.
 */
export function compileValidate(
  blocks: readonly Block[],
  compilers: Compilers,
  report: Report
): { enforced: ValidatePlan; shadow: ValidatePlan | null } {
  const said = speaking(blocks, 'validate')
  const enforced = said.filter(({ value }) => value.mode !== 'shadow')
  const all = new Keys(said, compilers, report)
  const tried = all.inShadow()
  const last = enforced.at(-1)
  return {
    enforced: {
      maxSize: MAX_BODY,
      ...new Keys(enforced, compilers, report).compiled(),
      mode: 'enforce',
      where: last ? report.where(last.path) : null
    },
    shadow:
      tried === null
        ? null
        : {
            maxSize: Number.MAX_SAFE_INTEGER,
            ...tried.keys.compiled(),
            mode: 'shadow',
            where: report.where(tried.path)
          }
  }
}

/** A key of `validate` and how it is written. */
const READERS = {
  maxSize: ({ body }: ValidateConfig) => body?.maxSize,
  contentTypes: ({ body }: ValidateConfig) => body?.contentTypes,
  schema: ({ body }: ValidateConfig) => body?.schema,
  depth: ({ body }: ValidateConfig) => body?.json?.depth,
  keys: ({ body }: ValidateConfig) => body?.json?.keys,
  items: ({ body }: ValidateConfig) => body?.json?.items,
  query: ({ query }: ValidateConfig) => query?.schema,
  path: ({ path }: ValidateConfig) => path?.schema,
  openapi: ({ openapi }: ValidateConfig) => openapi
} as const
type Key = keyof typeof READERS

/** What the levels say, each key by the nearest that speaks of it. */
class Keys {
  readonly #said: readonly Said[]
  readonly #compilers: Compilers
  readonly #report: Report
  /** Keys whose nearest word is left out. */
  readonly #without: ReadonlySet<Key>

  constructor(said: readonly Said[], compilers: Compilers, report: Report, without: ReadonlySet<Key> = new Set()) {
    this.#said = said
    this.#compilers = compilers
    this.#report = report
    this.#without = without
  }

  /** Only those keys whose nearest word is in shadow; null when there is none. `path`: where the nearest stands. */
  inShadow(): { keys: Keys; path: Path } | null {
    const keys = Object.keys(READERS) as Key[]
    const shadowed = keys.filter((key) => this.#nearest(key)?.value.mode === 'shadow')
    const levels = this.#said.filter((level) => shadowed.some((key) => this.#nearest(key) === level))
    const path = levels.at(-1)?.path
    if (path === undefined) return null
    const others = new Set(keys.filter((key) => !shadowed.includes(key)))
    return { keys: new Keys(this.#said, this.#compilers, this.#report, others), path }
  }

  compiled(): Partial<ValidatePlan> & Pick<ValidatePlan, 'contentTypes'> {
    const maxSize = this.#value('maxSize')
    const body = this.#schema('schema', ['body', 'schema'], (written, path) =>
      this.#compilers.schemas.ofValue(written, path)
    )
    const query = this.#schema('query', ['query', 'schema'], (written, path) =>
      this.#compilers.schemas.ofParameters(written, path)
    )
    const path = this.#schema('path', ['path', 'schema'], (written, at) =>
      this.#compilers.schemas.ofParameters(written, at)
    )
    const bounds = { depth: this.#value('depth'), keys: this.#value('keys'), items: this.#value('items') }
    const openapi = this.#openapi()
    const read = body !== null || openapi !== null || Object.values(bounds).some((bound) => bound !== undefined)
    return {
      ...(maxSize === undefined ? {} : { maxSize: size(maxSize) }),
      contentTypes: this.#value('contentTypes')?.map((type) => type.toLowerCase()) ?? null,
      ...(read
        ? {
            json: {
              depth: bounds.depth ?? BOUNDS.depth,
              keys: bounds.keys ?? BOUNDS.keys,
              items: bounds.items ?? BOUNDS.items
            }
          }
        : {}),
      ...(body ? { body } : {}),
      ...(query ? { query } : {}),
      ...(path ? { path } : {}),
      ...(openapi ? { openapi } : {})
    }
  }

  #openapi(): ValidatePlan['openapi'] | null {
    const from = this.#without.has('openapi') ? undefined : this.#nearest('openapi')
    const written = from?.value.openapi
    if (from === undefined || written === undefined) return null
    const path = [...from.path, 'openapi']
    const document = this.#compilers.openapi.of(written, path)
    return document === null ? null : { document, where: this.#report.where(path) }
  }

  #schema<T extends SchemaPlan | ParametersPlan>(
    key: 'schema' | 'query' | 'path',
    at: Path,
    compile: (written: WrittenSchema, path: Path) => T | null
  ): T | null {
    const from = this.#without.has(key) ? undefined : this.#nearest(key)
    const written = from && READERS[key](from.value)
    return from && written !== undefined ? compile(written, [...from.path, ...at]) : null
  }

  #value<K extends Key>(key: K): ReturnType<(typeof READERS)[K]> | undefined {
    const from = this.#without.has(key) ? undefined : this.#nearest(key)
    return from && (READERS[key](from.value) as ReturnType<(typeof READERS)[K]>)
  }

  #nearest(key: Key): Said | undefined {
    return this.#said.findLast(({ value }) => READERS[key](value) !== undefined)
  }
}
