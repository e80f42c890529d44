import { fullFormats } from 'ajv-formats/dist/formats.js'
import { parseIp } from '../../ip.ts'
import { compilePattern } from '../pattern.ts'

/** What a `format` says of a value. `true`: nothing that could be checked. */
export type Format =
  | true
  | ((text: string) => boolean)
  | { readonly type: 'number'; readonly validate: (value: number) => boolean }

/** The largest grammar, URI-reference, has some 1,900 instructions; and none of them comes from a configuration. */
const MAX_PROGRAM = 4000
/** An anchored scheme: one class after another, so linear in any engine. */
const SCHEME = /^[a-z][a-z0-9+.-]*:/i
const DURATION = re2('^P(?:(?:\\d+Y)?(?:\\d+M)?(?:\\d+D)?(?:T(?:\\d+H)?(?:\\d+M)?(?:\\d+S)?)?|\\d+W)$', '')
const URI_REFERENCE = grammar('uri-reference')
const HOSTNAME = re2('^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*\\.?$', 'i')

/**
 * `format` of JSON Schema 2020-12 and OpenAPI, asserted. Most grammars are ajv-formats' (this is its only importer);
 * those it writes as regular expressions run on RE2 here, since JavaScript's engine backtracks over what a client
 * sends. Looked up by the names a schema uses, at load and in the workers alike.
 */
export const FORMATS: Readonly<Record<string, Format>> = Object.freeze<Record<string, Format>>({
  date: checked('date'),
  time: checked('time'),
  'date-time': checked('date-time'),
  duration: (text: string) => text !== 'P' && !text.endsWith('T') && DURATION(text),
  email: grammar('email'),
  hostname: (text: string) => text.length <= 254 && HOSTNAME(text),
  ipv4: (text: string) => parseIp(text) !== null && !text.includes(':'),
  ipv6: (text: string) => text.includes(':') && parseIp(text) !== null,
  uri: (text: string) => SCHEME.test(text) && URI_REFERENCE(text),
  'uri-reference': URI_REFERENCE,
  'uri-template': grammar('uri-template'),
  uuid: grammar('uuid'),
  'json-pointer': grammar('json-pointer'),
  'relative-json-pointer': grammar('relative-json-pointer'),
  regex: (text: string) => compilePattern(text).ok,
  byte: re2('^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$', ''),
  int32: { type: 'number', validate: (value) => Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31 },
  // Past 2^53 a double can't tell one integer from the next.
  int64: { type: 'number', validate: Number.isInteger },
  float: true,
  double: true,
  password: true,
  binary: true
})

type Name = keyof typeof fullFormats

/** One that ajv-formats checks by a function. Its own expressions there are anchored digits: linear. */
function checked(name: Name): (text: string) => boolean {
  const format = fullFormats[name]
  const validate = typeof format === 'object' && 'validate' in format ? format.validate : null
  if (typeof validate !== 'function') throw new Error(`the format ${name} is no function any more`)
  const test = validate as (text: string) => unknown
  return (text) => test(text) === true
}

function grammar(name: Name): (text: string) => boolean {
  const format = fullFormats[name]
  if (typeof format !== 'object' || !('source' in format))
    throw new Error(`the format ${name} is no regular expression any more`)
  return re2(format.source, format.flags)
}

/** Compiled at its first use: most routes use no format at all, and every thread loads this file. */
function re2(source: string, flags: string): (text: string) => boolean {
  let test: ((text: string) => boolean) | null = null
  return (text) => {
    test ??= compiled(flags.includes('i') ? `(?i)${source}` : source)
    return test(text)
  }
}

function compiled(source: string): (text: string) => boolean {
  const result = compilePattern(source, MAX_PROGRAM)
  if (!result.ok) throw new Error(result.message)
  return result.pattern.test
}
