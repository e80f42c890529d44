import { Environment, ParseError, TypeError as CelTypeError } from '@marcbachmann/cel-js'
import { parseIp } from '../ip.ts'
import { type IpSet } from '../ip-set.ts'
import { blockSet, compileExpression } from './expression.ts'
import { inspectRule, isVariable } from './inspection.ts'
import { children, MACROS, type Node, RuleError } from './syntax.ts'
import { Fault, spend } from './fault.ts'
import {
  BODY,
  CERTIFICATE_FIELDS,
  FIELDS,
  headersRead,
  MAPS,
  type Read,
  type Scope,
  type Surroundings,
  TEXT_MAP
} from './variables.ts'

/**
 * The CEL library's part: parsing, type checking, and evaluating what expression.ts leaves to it (timestamps,
 * durations, `type`, bytes). The only importer of @marcbachmann/cel-js.
 */

/** Syntax tree of a rule; throws a RuleError where it can't be read. */
export function parseRule(source: string): Node {
  return parse(source).ast
}

/** That a rule, once its names are checked, is of type bool; throws a RuleError. */
export function checkType(source: string): void {
  const checked = parse(source).check()
  if (checked.error !== undefined) throw ruleError(checked.error)
  if (checked.type !== 'bool') {
    const advice = checked.type === 'dyn' ? ', which may be anything: compare it with a value' : ''
    throw new RuleError(`a rule must be true or false, this is ${checked.type ?? 'neither'}${advice}`, 0)
  }
}

function parse(source: string): ReturnType<Environment['parse']> {
  try {
    return ENVIRONMENT.parse(source)
  } catch (error) {
    throw ruleError(error)
  }
}

function ruleError(error: unknown): RuleError {
  if (error instanceof RuleError) return error
  if (error instanceof ParseError || error instanceof CelTypeError) {
    return new RuleError(lowerFirst(error.summary) + remedy(error.summary), error.range?.start ?? 0)
  }
  return new RuleError(error instanceof RangeError ? 'the rule is nested too deeply' : 'the rule can’t be read', 0)
}

/** What the library's words leave to its reader. */
function remedy(summary: string): string {
  if (summary === 'Unexpected character: =') return '; "==" compares'
  if (!summary.startsWith('Unknown variable: ')) return ''
  return `; known are ${[...Object.keys(FIELDS), ...Object.keys(MAPS), BODY, 'now'].join(', ')}`
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

class Cidr {
  readonly set: IpSet
  constructor(set: IpSet) {
    this.set = set
  }
}

const ENVIRONMENT = environment()

function environment(): Environment {
  const env = new Environment({
    limits: { maxAstNodes: 1000, maxDepth: 48, maxListElements: 500, maxMapEntries: 100, maxCallArguments: 8 }
  })
  for (const [name, fields] of Object.entries(FIELDS)) {
    const schema: Record<string, string | Record<string, string>> = typesOf(fields)
    if (name === 'request') schema.headers = TEXT_MAP
    if (name === 'client') schema.certificate = typesOf(CERTIFICATE_FIELDS)
    env.registerVariable({ name, schema })
  }
  for (const [name, type] of Object.entries(MAPS)) env.registerVariable(name, type)
  env.registerVariable(BODY, 'dyn')
  env.registerVariable('now', 'google.protobuf.Timestamp')
  env.registerType('net.CIDR', { ctor: Cidr, fields: {} })
  env.registerFunction('cidr(string): net.CIDR', (block: string) => new Cidr(blockSet(block, 0)), { async: false })
  env.registerFunction(
    'net.CIDR.containsIP(string): bool',
    (block: Cidr, address: string) => {
      const bytes = parseIp(address)
      if (bytes === null) throw new Fault('containsIP of what is no IP address')
      return block.set.has(bytes)
    },
    { async: false }
  )
  return env
}

function typesOf(fields: Readonly<Record<string, { readonly type: string }>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, { type }]) => [name, type]))
}

const FAILED = new Fault('the rule could not be evaluated')
const PLAIN_TYPES: readonly string[] = ['bool', 'int', 'double', 'string']

/** Units of BUDGET a call of the library stands for: with a time zone it takes 50 µs, and it may stand in a loop. */
const DELEGATED = 500

/** Has the library evaluate one part of a rule; null when its value is none that expression.ts handles. */
export function delegate(node: Node, around: Surroundings): Read | null {
  refuseLoops(node)
  const parsed = parse(sourceOf(node))
  const checked = parsed.check()
  if (checked.error !== undefined) throw new RuleError(lowerFirst(checked.error.summary), node.pos)
  const plain = PLAIN_TYPES.includes(checked.type ?? '')
  const roots = inspectRule(node, around)
  if (![...roots].some(isVariable)) {
    const value = constantOf(parsed, node.pos)
    return plain ? () => value : null
  }
  if (!plain) return null
  const context = prepareContext(roots, around)
  return (s) => {
    spend(DELEGATED)
    try {
      const value: unknown = parsed(context(s))
      if (value instanceof Promise) throw FAILED
      return value
    } catch (error) {
      if (error instanceof Fault) throw error
      // The library's messages quote values; its codes don't.
      throw error instanceof Error && 'code' in error ? new Fault(String(error.code)) : FAILED
    }
  }
}

/** A part without variables has one value, found at load: `timestamp("tomorrow")` is an error of the rule. */
function constantOf(parsed: ReturnType<typeof parse>, pos: number): unknown {
  try {
    return parsed()
  } catch (error) {
    const summary = error instanceof Error && 'summary' in error ? String(error.summary) : 'this has no value'
    throw new RuleError(lowerFirst(summary), pos)
  }
}

function refuseLoops(node: Node): void {
  if (node.op === 'rcall') {
    const [name, , args] = node.args
    if (MACROS.get(name)?.includes(args.length) === true || name === 'matches') {
      throw new RuleError(`${name} can’t be part of an operand here; join it with && or || instead`, node.pos)
    }
  }
  for (const child of children(node)) refuseLoops(child)
}

/** The variables `roots` as the library wants them. */
function prepareContext(roots: ReadonlySet<string>, around: Surroundings): (s: Scope) => Record<string, unknown> {
  const reads = [...roots].filter(isVariable).map((root) => [root, wholeRead(root, around)] as const)
  return (s) => {
    const all: Record<string, unknown> = {}
    for (const [root, read] of reads) all[root] = read(s)
    return all
  }
}

function wholeRead(root: string, around: Surroundings): Read {
  if (root === 'now') return (s) => new Date(s.now)
  if (root === BODY || root in MAPS) return compileExpression({ op: 'id', args: root, pos: 0 }, around, () => null)
  const fields = Object.entries(FIELDS[root] ?? {})
  const headers = headersRead(around.hidden)
  return (s) => {
    const values: Record<string, unknown> = {}
    for (const [name, field] of fields) values[name] = field.read(s.view)
    if (root === 'request') values.headers = headers(s)
    if (root === 'client') values.certificate = certificateOf(s)
    return values
  }
}

function certificateOf(s: Scope): Record<string, unknown> {
  return Object.fromEntries(Object.entries(CERTIFICATE_FIELDS).map(([name, { read }]) => [name, read(s.view)]))
}

/** CEL source of a tree, every operation in brackets: the tree's own positions leave out the brackets around it. */
function sourceOf(node: Node): string {
  switch (node.op) {
    case 'value':
      return literalSource(node.args)
    case 'id':
      return node.args
    case '.':
    case '.?':
      return `${sourceOf(node.args[0])}.${node.args[1]}`
    case '[]':
    case '[?]':
      return `${sourceOf(node.args[0])}[${sourceOf(node.args[1])}]`
    case '!_':
    case '-_':
      return `(${node.op[0]}${sourceOf(node.args)})`
    case '?:':
      return `(${sourceOf(node.args[0])} ? ${sourceOf(node.args[1])} : ${sourceOf(node.args[2])})`
    case 'call':
      return `${node.args[0]}(${node.args[1].map(sourceOf).join(', ')})`
    case 'rcall':
      return `${sourceOf(node.args[1])}.${node.args[0]}(${node.args[2].map(sourceOf).join(', ')})`
    case 'list':
      return `[${node.args.map(sourceOf).join(', ')}]`
    case 'map':
      return `{${node.args.map(([key, value]) => `${sourceOf(key)}: ${sourceOf(value)}`).join(', ')}}`
    default:
      return `(${sourceOf(node.args[0])} ${node.op} ${sourceOf(node.args[1])})`
  }
}

function literalSource(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') return Number.isInteger(value) ? `${value.toExponential()}` : String(value)
  if (value instanceof Uint8Array) {
    return `b"${Array.from(value, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}"`
  }
  // The library's unsigned integers, whose class it does not export.
  if (typeof value === 'object' && value !== null && 'value' in value && typeof value.value === 'bigint') {
    return `${value.value}u`
  }
  return String(value)
}
