/**
 * Every environment variable of the process, in one table: name, unit, default, range, meaning. The README's table is
 * generated from it. All problems are reported together, before anything starts.
 */
import { availableParallelism } from 'node:os'

type Kind = 'count' | 'bytes' | 'ms' | 'text' | 'level'

interface Variable<T> {
  readonly kind: Kind
  readonly fallback: T
  /** Smallest and largest value, in the variable's unit. */
  readonly range?: readonly [number, number]
  readonly meaning: string
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const

const SIZES: Record<string, number> = { b: 1, kb: 1 << 10, mb: 1 << 20, gb: 1 << 30 }
const TIMES: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

const TABLE = {
  GATEHOUSE_CONFIG: text('', 'Configuration file, when the command line names none.'),
  GATEHOUSE_ADMIN_TOKEN: text('', 'Token for commands with `--admin URL`; never said on a command line.'),
  GATEHOUSE_WORKERS: count(availableParallelism(), [1, 64], 'Worker threads. Default: one per core.'),
  GATEHOUSE_LOG_LEVEL: level('Overrides `log.level`: debug, info, warn or error.'),
  GATEHOUSE_MAX_HEADER_BYTES: bytes(
    '16kb',
    ['1kb', '256kb'],
    'Longest request head; a longer one is refused with 431.'
  ),
  GATEHOUSE_VERIFY_CACHE_SIZE: bytes(
    '16mb',
    ['64kb', '4gb'],
    'Verified tokens each worker remembers; answers about opaque tokens get as much again.'
  ),
  GATEHOUSE_VERIFY_THREADS: count(1, [1, 16], 'Threads per worker that verify signatures not seen before.'),
  GATEHOUSE_VERIFY_QUEUE: count(
    4096,
    [8, 1_000_000],
    'Tokens per worker that may wait for verification; past that, 503.'
  ),
  GATEHOUSE_VERIFY_PER_CLIENT: count(8, [1, 10_000], 'Tokens of one client address that may wait for verification.'),
  GATEHOUSE_TOKEN_KEY_LIFETIME: ms('168h', ['2s', '8760h'], 'How long a key of `identity.token` signs.'),
  GATEHOUSE_TOKEN_KEY_NOTICE: ms(
    '1h',
    ['1s', '168h'],
    'How long such a key is published before it signs; at most half its lifetime.'
  ),
  GATEHOUSE_DECISION_CACHE_SIZE: bytes(
    '4mb',
    ['64kb', '1gb'],
    'Decisions of `external` services each worker remembers.'
  ),
  GATEHOUSE_LIMIT_SLOTS: count(
    1 << 18,
    [1 << 10, 1 << 26],
    'Rate limit buckets held at once, over all limits and threads (16 bytes each).'
  ),
  GATEHOUSE_DPOP_SLOTS: count(
    1 << 19,
    [1 << 10, 1 << 26],
    'DPoP proofs remembered against replay, over all threads (16 bytes each, for 90 s); past that, 503.'
  ),
  GATEHOUSE_CONNECTION_SLOTS: count(
    1 << 16,
    [1 << 10, 1 << 22],
    'Clients whose open connections are counted at once, for `client.connections`; those past it are let in uncounted.'
  ),
  GATEHOUSE_WORKER_CONNECTIONS: count(
    1_000_000,
    [10, 1_000_000_000],
    'Connections that a worker counts for `client.connections` before another takes its place: each leaves some 120 bytes in it. With one worker it stays.'
  ),
  GATEHOUSE_BAN_SLOTS: count(1 << 18, [1 << 10, 1 << 24], 'Bans held at once, over all threads (16 bytes each).'),
  GATEHOUSE_EVENT_SLOTS: count(
    1 << 18,
    [1 << 10, 1 << 26],
    'What detection remembers of clients at once, over all threads (16 bytes each).'
  ),
  GATEHOUSE_RING_BYTES: bytes('4mb', ['64kb', '256mb'], 'Access records each worker may have waiting for the log.'),
  GATEHOUSE_BODY_MEMORY: bytes(
    '64mb',
    ['1mb', '64gb'],
    'Request bodies each worker may hold at once to judge what is in them; past that, 503.'
  ),
  GATEHOUSE_BODY_CLIENT_SHARE: count(50, [1, 100], 'Percent of that which the bodies of one client may take.'),
  GATEHOUSE_OVERLOAD_LAG: ms(
    '100ms',
    ['5ms', '10s'],
    'How late the event loop of a worker may be, all the time, before it turns requests away (503).'
  ),
  GATEHOUSE_MEMORY_LIMIT: bytes(
    '0b',
    ['0b', '1024gb'],
    'Memory of the process from which on it turns away who is not known; 0b: nine tenths of what the cgroup or the machine has.'
  ),
  GATEHOUSE_EXPLAIN_BYTES: bytes(
    '8mb',
    ['0b', '1gb'],
    'Access records remembered for `gatehouse explain REQUEST-ID`, about 500 bytes each; between half of it and all.'
  ),
  GATEHOUSE_DRAIN_DELAY: ms(
    '500ms',
    ['0ms', '1h'],
    'From "not ready" to closing the ports at a stop, so that balancers notice.'
  ),
  GATEHOUSE_DRAIN_DEADLINE: ms('30s', ['0ms', '1h'], 'How long requests under way may take after a stop was asked for.')
} as const

export type EnvName = keyof typeof TABLE
type ValueOf<V> = V extends Variable<infer T> ? T : never
export type Env = { readonly [N in EnvName]: ValueOf<(typeof TABLE)[N]> }

/** One row of the README's table. */
export interface EnvRow {
  name: string
  fallback: string
  range: string
  meaning: string
}

/**
 * Reads `source` (process.env). `problems` says every value that can't be used; `unknown` names the other
 * `GATEHOUSE_*` variables, which deserve a warning unless the configuration refers to them.
 */
export function readEnv(source: Readonly<Record<string, string | undefined>>): {
  env: Env
  problems: string[]
  unknown: string[]
} {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, variable] of Object.entries(TABLE) as [string, Variable<unknown>][]) {
    const raw = source[name]
    const parsed = raw === undefined || raw === '' ? variable.fallback : parse(variable, raw)
    if (typeof parsed === 'object') problems.push(`${name}=${raw}: expected ${(parsed as Complaint).expected}`)
    values[name] = parsed
  }
  const unknown = Object.keys(source).filter((name) => name.startsWith('GATEHOUSE_') && !(name in TABLE))
  return { env: Object.freeze(values) as Env, problems, unknown }
}

export function envRows(): EnvRow[] {
  return (Object.entries(TABLE) as [string, Variable<unknown>][]).map(([name, v]) => ({
    name,
    fallback: name === 'GATEHOUSE_WORKERS' ? 'cores' : v.fallback === '' ? '' : show(v.kind, v.fallback),
    range: v.range
      ? `${show(v.kind, v.range[0])} to ${show(v.kind, v.range[1])}`
      : v.kind === 'level'
        ? LEVELS.join(', ')
        : '',
    meaning: v.meaning
  }))
}

interface Complaint {
  expected: string
}

function parse(variable: Variable<unknown>, raw: string): unknown {
  const { kind, range } = variable
  if (kind === 'text') return raw
  if (kind === 'level') return (LEVELS as readonly string[]).includes(raw) ? raw : { expected: LEVELS.join(', ') }
  const value =
    kind === 'count' ? (/^\d{1,9}$/.test(raw) ? Number(raw) : NaN) : withUnit(raw, kind === 'bytes' ? SIZES : TIMES)
  const example =
    kind === 'count' ? 'a whole number' : kind === 'bytes' ? 'a size such as 16kb' : 'a duration such as 5s'
  if (Number.isNaN(value)) return { expected: example }
  if (range && (value < range[0] || value > range[1]))
    return { expected: `${show(kind, range[0])} to ${show(kind, range[1])}` }
  return value
}

function withUnit(raw: string, units: Record<string, number>): number {
  const match = /^(\d{1,9})([a-z]{1,2})$/.exec(raw)
  const unit = match ? units[match[2] ?? ''] : undefined
  return match && unit !== undefined ? Number(match[1]) * unit : NaN
}

function show(kind: Kind, value: unknown): string {
  if (typeof value !== 'number') return String(value)
  const units = kind === 'bytes' ? SIZES : kind === 'ms' ? TIMES : {}
  const best = Object.entries(units).findLast(([, size]) => value >= size && value % size === 0)
  return best ? `${value / best[1]}${best[0]}` : kind === 'ms' ? `${value}ms` : String(value)
}

function count(fallback: number, range: readonly [number, number], meaning: string): Variable<number> {
  return { kind: 'count', fallback, range, meaning }
}
function bytes(fallback: string, range: readonly [string, string], meaning: string): Variable<number> {
  return {
    kind: 'bytes',
    fallback: withUnit(fallback, SIZES),
    range: [withUnit(range[0], SIZES), withUnit(range[1], SIZES)],
    meaning
  }
}
function ms(fallback: string, range: readonly [string, string], meaning: string): Variable<number> {
  return {
    kind: 'ms',
    fallback: withUnit(fallback, TIMES),
    range: [withUnit(range[0], TIMES), withUnit(range[1], TIMES)],
    meaning
  }
}
function text(fallback: string, meaning: string): Variable<string> {
  return { kind: 'text', fallback, meaning }
}
function level(meaning: string): Variable<(typeof LEVELS)[number] | ''> {
  return { kind: 'level', fallback: '', meaning }
}
