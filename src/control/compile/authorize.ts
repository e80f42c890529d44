/**
 * `authorize`: rules add up over levels, all must hold; a nearer one of the same name replaces a farther one in its
 * place. Expressions are compiled here for their errors, once per set of names they may use.
 */
import type { RuleConfig } from '../config/schema.ts'
import { compileRule } from '../../policy/rule.ts'
import type { Places } from '../../plan/auth.ts'
import type { RulePlan } from '../../plan/rule.ts'
import type { PatternNames } from '../config/key-parts.ts'
import { addUp, speaking, type Block, type Item } from './levels.ts'
import type { Report } from './report.ts'

/** What of a route its rules depend on. */
export interface GuardedRoute {
  name: string
  public: boolean
  /** Names that some path, some host of the route has: a rule may ask `has(path.x)`. */
  names: PatternNames
  /** Where `auth` reads credentials: rules don't get to see them. */
  credentials: Places
  /** Whether bodies fit a schema, enforced: then rules may read them. */
  body: boolean
}

/** Compiles the rules of routes. */
export class Rules {
  /** Reason why an expression can't be used with a set of names, null when it can. */
  readonly #verdicts = new Map<string, string | null>()
  readonly #report: Report

  constructor(report: Report) {
    this.#report = report
  }

  /** Outermost first. */
  ofRoute(blocks: readonly Block[], route: GuardedRoute): RulePlan[] {
    const items = addUp(listsOf(blocks), (nearer, farther) =>
      this.#report.widening(nearer.path, `replaces the rule ${nearer.value.name} of a farther level`, [farther.level])
    )
    for (const item of items) this.#check(item, route)
    const pathNames = [...new Set([...route.names.path, ...route.names.host])]
    return items.map(({ value, level, path }) => ({
      name: value.name ?? null,
      groups: value.groups ?? null,
      scopes: value.scopes ?? null,
      when: value.when ?? null,
      ...(this.#report.isSecret([...path, 'when']) ? { secretWhen: true as const } : {}),
      pathNames,
      reason: value.reason ?? null,
      mode: value.mode ?? 'enforce',
      ...(readsBody(value.when, route) ? { readsBody: true as const } : {}),
      level,
      where: this.#report.where(path)
    }))
  }

  #check({ value, path }: Item<RuleConfig>, route: GuardedRoute): void {
    if (route.public && value.mode !== 'shadow') {
      for (const key of ['groups', 'scopes'] as const) {
        if (value[key])
          this.#report.ofRoute(
            'error',
            route.name,
            [...path, key],
            `nobody has ${key} on a public route, so this refuses everybody: take auth: public away, or say authorize: none on the route`
          )
      }
    }
    if (value.when === undefined || this.#report.isPlaceholder([...path, 'when'])) return
    const reason = this.#verdict(value.when, route)
    if (reason === null) return
    const at = [...path, 'when']
    this.#report.ofRoute('error', route.name, at, this.#report.quoting(at, reason, HIDDEN_EXPRESSION))
  }

  #verdict(source: string, { names, credentials, body }: GuardedRoute): string | null {
    const key = JSON.stringify([source, names.path, names.host, credentials, body])
    const known = this.#verdicts.get(key)
    if (known !== undefined) return known
    const verdict = expressionFault(source, names, credentials, body)
    this.#verdicts.set(key, verdict)
    return verdict
  }
}

/** What is said of an expression that a reference gives. */
export const HIDDEN_EXPRESSION = 'the expression can’t be used here'

/** What is wrong with an expression in those surroundings, for its owner; null when nothing is. */
export function expressionFault(source: string, names: PatternNames, credentials: Places, body = false): string | null {
  const compiled = compileRule(source, names, credentials, body)
  if (compiled.ok) return null
  const { line, column, message } = compiled
  const place = source.trimEnd().includes('\n') ? `line ${line}, column ${column}` : `column ${column}`
  return `at ${place} of the expression: ${message}`
}

/** Whether an expression is judged alike before `auth` and after; not so of one that can't be compiled, which is said elsewhere. */
export function isJudgedEarly(source: string, names: readonly string[]): boolean {
  const compiled = compileRule(source, { path: names, host: names })
  return compiled.ok && compiled.rule.fixedEarly
}

function readsBody(source: string | undefined, { names, credentials, body }: GuardedRoute): boolean {
  if (source === undefined || !body) return false
  const compiled = compileRule(source, names, credentials, body)
  return compiled.ok && compiled.rule.usesBody
}

function listsOf(blocks: readonly Block[]): Item<RuleConfig>[][] {
  return speaking(blocks, 'authorize').map(({ value, level, path }) =>
    Array.isArray(value)
      ? value.map((rule, i) => ({ value: rule, level, path: [...path, i], name: rule.name ?? null }))
      : [{ value, level, path, name: value.name ?? null }]
  )
}
