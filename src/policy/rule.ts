import type { Places } from '../plan/auth.ts'
import type { RequestView } from '../request.ts'
import { checkType, delegate, parseRule } from './cel.ts'
import { compileExpression } from './expression.ts'
import { inspectRule, readsHeaders } from './inspection.ts'
import { RuleError } from './syntax.ts'
import { Fault, startBudget } from './fault.ts'
import { BODY, CALLER_ONLY, type Read, type Scope, type Surroundings } from './variables.ts'

/**
 * Rules in CEL: parsed and type-checked by the library at load (cel.ts), evaluated by closures (expression.ts).
 *
 * Measured (Node 22, one busy core): `claims.tenant == path.id` 0.06-0.09 µs an evaluation, four clauses with `has`, `in`
 * and a header 0.2-0.35 µs; through the library alone 0.5 and 1.8 µs, not counting its context. With `now` 1.1 µs: that
 * part stays with the library. Compiling takes about 100 µs.
 *
 * Bounds. At load: 4,096 characters, 1,000 nodes, 48 levels. Per evaluation: fault.ts's BUDGET over everything that
 * grows with the request or the token, so no list or string a client sends buys more than a few ms, however the
 * rule nests its loops. A part evaluated by the library holds no loop and no pattern, so its work is at most the
 * rule's own size times one pass over inputs that the header limit bounds.
 */
export interface CompiledRule {
  /** Reads nothing but caller, claims and consumer: one result per verified credential. */
  readonly callerOnly: boolean
  /** Reads neither who calls nor headers, which an external service may replace: judged alike before `auth` and after. */
  readonly fixedEarly: boolean
  /** Reads `body`, so it can only be judged after validation. */
  readonly usesBody: boolean
  /** `now` in ms since the epoch. Never throws: what can't be decided is a fault, which refuses. */
  evaluate(view: RequestView, now: number): RuleResult
}

export type RuleResult = boolean | RuleFault

/** A missing key, a wrong type, or more work than allowed. */
export interface RuleFault {
  /** For the owner's log; names fields, holds no value of the request. */
  readonly reason: string
}

export type RuleCompilation =
  | { readonly ok: true; readonly rule: CompiledRule }
  /** `line` and `column` count from 1, within the source. */
  | { readonly ok: false; readonly message: string; readonly line: number; readonly column: number }

const NO_PLACES: Places = Object.freeze({ header: [], cookie: [], query: [] })
const MAX_SOURCE = 4096

/**
 * Compiles one rule. `names` are those of the route's `{x}` in its paths and hosts: any other is an error. `hidden`
 * is where the route's `auth` reads credentials, which rules don't get to see (default: nowhere). `body`: whether the
 * rule may read what a validated body holds.
 */
export function compileRule(
  source: string,
  names: { readonly path: readonly string[]; readonly host: readonly string[] },
  hidden: Places = NO_PLACES,
  body = false
): RuleCompilation {
  try {
    return { ok: true, rule: compile(source, { ...names, hidden, body }) }
  } catch (error) {
    if (error instanceof RuleError) return { ok: false, message: error.message, ...position(source, error.pos) }
    if (error instanceof RangeError) return { ok: false, message: 'the rule is nested too deeply', line: 1, column: 1 }
    throw error
  }
}

function compile(source: string, around: Surroundings): CompiledRule {
  if (source.length > MAX_SOURCE) {
    throw new RuleError(`the rule has ${source.length} characters; ${MAX_SOURCE} is the most`, 0)
  }
  const root = parseRule(source)
  // Names first: what they say about path.x or client.certificate is clearer than the type checker's complaint.
  const roots = inspectRule(root, around)
  checkType(source)
  const read = compileExpression(root, around, delegate)
  const ofTheCaller = [...roots].filter((name) => CALLER_ONLY.includes(name)).length
  const usesBody = roots.has(BODY)
  return {
    callerOnly: ofTheCaller === roots.size,
    fixedEarly: ofTheCaller === 0 && !usesBody && !readsHeaders(root),
    usesBody,
    evaluate: (view, now) => evaluate(read, view, now)
  }
}

/** Stands in the scope between evaluations, so that no request is kept alive by the last rule that read it. */
const NO_VIEW = Object.freeze({}) as RequestView
// Evaluations never nest and never wait, so one scope serves a whole thread.
const scope: Scope = { view: NO_VIEW, now: 0, slots: [] }
const NOT_BOOL = new Fault('the rule is neither true nor false')
const FAILED = new Fault('the rule could not be evaluated')

function evaluate(read: Read, view: RequestView, now: number): RuleResult {
  startBudget()
  scope.view = view
  scope.now = now
  try {
    const result = read(scope)
    return typeof result === 'boolean' ? result : NOT_BOOL
  } catch (error) {
    return error instanceof Fault ? error : FAILED
  } finally {
    scope.view = NO_VIEW
    if (scope.slots.length > 0) scope.slots.length = 0
  }
}

function position(source: string, pos: number): { line: number; column: number } {
  const before = source.slice(0, pos)
  return { line: before.split('\n').length, column: pos - before.lastIndexOf('\n') }
}
