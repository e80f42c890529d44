/**
 * The generators of load. autocannon is the suite's own; one core of it makes some 15,000 requests a second, less than
 * a core of gateway answers, so what is to be saturated is loaded by wrk. Both are closed loops: latencies at a given
 * load come from `paced` (native-bench), which is an open one.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nativeProgram } from './peers/native.ts'
import { folder, LOAD_CORE, runPinned } from './processes.ts'

export type Generator = 'wrk' | 'autocannon'

export interface Load {
  method?: 'GET' | 'POST'
  path: string
  headers?: Readonly<Record<string, string>>
  /** Bytes of request body. */
  body?: number
  tls?: boolean
  /** Every request on a connection of its own. */
  reconnect?: boolean
  /** Default 64. */
  connections?: number
  /** Which generator suits; default wrk. */
  generator?: Generator
  /** What every answer must be. Default: 2xx or 3xx. */
  expect?: 'success' | 'refusal'
  /** Requests that differ, sent in turn; path and headers are put over the ones above. wrk only. */
  requests?: readonly Variation[]
}

export interface Variation {
  path?: string
  authorization?: string
}

export interface Answered {
  /** Answered as expected. */
  requests: number
  /** Answered otherwise, or not at all. */
  failed: number
  perSecond: number
}

const CONNECTIONS = 64
const GRACE_MS = 30_000
const AUTOCANNON = fileURLToPath(new URL('../node_modules/autocannon/autocannon.js', import.meta.url))

/** Loads a port of this machine for whole `seconds`. */
export function generate(port: number, load: Load, seconds: number): Promise<Answered> {
  return load.generator === 'autocannon' && load.requests === undefined
    ? autocannon(port, load, seconds)
    : wrk(port, load, seconds)
}

function address(port: number, load: Load): string {
  return `${load.tls ? 'https' : 'http'}://127.0.0.1:${port}${load.path}`
}

function fields(load: Load): [string, string][] {
  return Object.entries({ ...load.headers, ...(load.reconnect ? { connection: 'close' } : {}) })
}

async function autocannon(port: number, load: Load, seconds: number): Promise<Answered> {
  const args = ['--json', '--no-progress', '--connections', String(load.connections ?? CONNECTIONS)]
  args.push('--duration', String(seconds), '--method', load.method ?? 'GET')
  for (const [name, value] of fields(load)) args.push('--headers', `${name}=${value}`)
  if (load.body !== undefined) args.push('--body', 'a'.repeat(load.body))
  if (load.reconnect) args.push('--reconnectRate', '1')
  const text = await runPinned(process.execPath, [AUTOCANNON, ...args, address(port, load)], {
    core: LOAD_CORE,
    limitMs: seconds * 1000 + GRACE_MS
  })
  const { '2xx': good, '3xx': moved, non2xx, errors, duration } = JSON.parse(text) as Record<string, number>
  const all = (good ?? 0) + (non2xx ?? 0)
  const expected = load.expect === 'refusal' ? (non2xx ?? 0) - (moved ?? 0) : (good ?? 0) + (moved ?? 0)
  return { requests: expected, failed: all - expected + (errors ?? 0), perSecond: expected / (duration ?? NaN) }
}

/** What wrk's script prints as its last line. */
interface Summary {
  requests: number
  us: number
  /** Answers from 400 up. */
  refused: number
  /** Connections that failed. */
  broken: number
}

async function wrk(port: number, load: Load, seconds: number): Promise<Answered> {
  const script = writeScript(load)
  const args = ['-t1', `-c${load.connections ?? CONNECTIONS}`, `-d${seconds}s`, '-s', script, address(port, load)]
  const text = await runPinned('wrk', args, { core: LOAD_CORE, limitMs: seconds * 1000 + GRACE_MS })
  const { requests, us, refused, broken } = JSON.parse(text.slice(text.lastIndexOf('{'))) as Summary
  const expected = load.expect === 'refusal' ? refused : requests - refused
  return { requests: expected, failed: requests - expected + broken, perSecond: (expected * 1e6) / us }
}

/** An answer's end need not announce that of a connection that was asked to end. */
function done(load: Load): string {
  const broken = ['connect', 'write', 'timeout', ...(load.reconnect ? [] : ['read'])].map((kind) => `e.${kind}`)
  return `
function done(summary)
  local e = summary.errors
  io.write(string.format('\\n{"requests":%d,"us":%d,"refused":%d,"broken":%d}\\n',
    summary.requests, summary.duration, e.status, ${broken.join(' + ')}))
end
`
}

let scripts = 0

function writeScript(load: Load): string {
  const lines = [`wrk.method = ${lua(load.method ?? 'GET')}`]
  for (const [name, value] of fields(load)) lines.push(`wrk.headers[${lua(name)}] = ${lua(value)}`)
  if (load.body !== undefined) lines.push(`wrk.body = string.rep('a', ${load.body})`)
  if (load.requests !== undefined) lines.push(variations(load.requests))
  return save(lines.join('\n') + done(load))
}

/** The requests are put together before the load begins: Lua would otherwise be what is measured. */
function variations(requests: readonly Variation[]): string {
  const list = save(requests.map(({ path = '', authorization = '' }) => `${path}\t${authorization}`).join('\n'), 'txt')
  return `
local made, at = {}, 0
function init()
  for line in io.lines(${lua(list)}) do
    local path, authorization = line:match('^([^\\t]*)\\t(.*)$')
    local headers = {}
    for name, value in pairs(wrk.headers) do headers[name] = value end
    if authorization ~= '' then headers['authorization'] = authorization end
    made[#made + 1] = wrk.format(nil, path ~= '' and path or nil, headers)
  end
end
function request()
  at = at % #made + 1
  return made[at]
end`
}

/**
 * A second client that sends nothing but new bad tokens, as fast as it can: `prefix` is a token whose signature lacks
 * its last 16 characters, and no two that are sent are the same. It runs at the lowest priority, so that what it takes
 * of the load's core is not missing to the traffic whose latency is measured.
 */
export async function floodWithBadTokens(
  port: number,
  path: string,
  prefix: string,
  seconds: number
): Promise<Answered> {
  const script = save(`
local sent = 0
wrk.headers['authorization'] = ''
function request()
  sent = sent + 1
  wrk.headers['authorization'] = string.format('Bearer ${prefix}%016d', sent)
  return wrk.format()
end
${done({ path })}`)
  const args = ['-t1', '-c16', `-d${seconds}s`, '-s', script, `http://127.0.0.1:${port}${path}`]
  const limitMs = seconds * 1000 + GRACE_MS
  const text = await runPinned('wrk', args, { core: LOAD_CORE, nice: 19, limitMs })
  const { requests, us, refused, broken } = JSON.parse(text.slice(text.lastIndexOf('{'))) as Summary
  return { requests: refused, failed: requests - refused + broken, perSecond: (requests * 1e6) / us }
}

/** Latencies in ms, from when a request was due. */
export interface Latencies {
  requests: number
  failed: number
  unanswered: number
  p50: number
  p99: number
  p999: number
}

/** Sends `rate` requests a second, whatever becomes of them. */
export async function pace(port: number, load: Load, rate: number, seconds: number): Promise<Latencies> {
  const head = [`${load.method ?? 'GET'} ${load.path} HTTP/1.1`, `host: 127.0.0.1:${port}`]
  for (const [name, value] of fields(load)) head.push(`${name}: ${value}`)
  const args = [port, Math.round(rate), seconds, load.connections ?? CONNECTIONS].map(String)
  const text = await runPinned(nativeProgram('paced'), args, {
    core: LOAD_CORE,
    input: `${head.join('\r\n')}\r\n\r\n`,
    limitMs: seconds * 1000 + GRACE_MS
  })
  return JSON.parse(text) as Latencies
}

function save(text: string, extension = 'lua'): string {
  const file = join(folder, `load-${++scripts}.${extension}`)
  writeFileSync(file, text)
  return file
}

function lua(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`
}
