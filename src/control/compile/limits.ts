/** `limits`: add up over levels; a nearer one of the same name replaces a farther one in its place. */
import type { LimitConfig } from '../config/schema.ts'
import { checkAmount } from '../../limits/limiter.ts'
import type { LimitPlan } from '../../plan.ts'
import { keyPart, rate } from './checked.ts'
import { asksTheCaller, danglingName, onlyClientChosen, type PatternNames } from '../config/key-parts.ts'
import { addUp, speaking, type Block, type Item } from './levels.ts'
import type { Report } from './report.ts'

/** What of a route its limits depend on. */
export interface LimitedRoute {
  name: string
  public: boolean
  names: PatternNames
}

/** Compiles the limits of routes. One limit that many routes inherit is one plan: they share its buckets. */
export class Limits {
  readonly #compiled = new Map<string, LimitPlan>()
  readonly #report: Report

  constructor(report: Report) {
    this.#report = report
  }

  /** Outermost first. */
  ofRoute(blocks: readonly Block[], route: LimitedRoute): LimitPlan[] {
    const items = addUp(listsOf(blocks), (nearer, farther) =>
      this.#report.widening(nearer.path, `replaces the limit ${nearer.value.name} of a farther level`, [farther.level])
    )
    return items.map((item) => {
      const plan = this.#plan(item)
      this.#checkNames(item, plan, route)
      this.#checkCaller(item, plan, route)
      return plan
    })
  }

  #plan(item: Item<LimitConfig>): LimitPlan {
    const key = `${item.level}\n${item.value.name}`
    const known = this.#compiled.get(key)
    if (known) return known
    const plan = this.#compile(item)
    this.#compiled.set(key, plan)
    return plan
  }

  #compile({ value, level, path }: Item<LimitConfig>): LimitPlan {
    const by = wordsOf(value.by).map(keyPart)
    if (value.burst !== undefined && value.rate === undefined)
      this.#report.error([...path, 'burst'], 'burst is the size of a rate’s bucket: it goes with rate only')
    const amount = amountOf(value)
    const beyond = checkAmount(amount)
    if (beyond !== null) this.#report.error(path, beyond)
    if (onlyClientChosen(by))
      this.#report.warn(
        [...path, 'by'],
        `only values that clients choose tell the counts of ${value.name} apart: a client with many of them has as many limits; add ip or caller`
      )
    return {
      name: value.name,
      level,
      by,
      amount,
      needsCaller: asksTheCaller(by),
      mode: value.mode ?? 'enforce',
      where: this.#report.where(path)
    }
  }

  #checkNames({ value, path }: Item<LimitConfig>, plan: LimitPlan, route: LimitedRoute): void {
    plan.by.forEach((part, i) => {
      const reason = danglingName(part, route.names)
      if (reason !== null) this.#report.ofRoute('error', route.name, wordPath(value, path, i), reason)
    })
  }

  /** A gateway's limit by caller counts addresses on public routes by design; one written for such a route doesn't. */
  #checkCaller({ path, level }: Item<LimitConfig>, plan: LimitPlan, route: LimitedRoute): void {
    if (route.public && plan.needsCaller && level.startsWith('route:'))
      this.#report.ofRoute('warning', route.name, [...path, 'by'], 'a public route has no caller: this counts by ip')
  }
}

function listsOf(blocks: readonly Block[]): Item<LimitConfig>[][] {
  return speaking(blocks, 'limits').map(({ value, level, path }) =>
    value.map((limit, i) => ({ value: limit, level, path: [...path, i], name: limit.name }))
  )
}

function amountOf(limit: LimitConfig): LimitPlan['amount'] {
  // The schema has made sure that exactly one of the two is there.
  if (limit.rate === undefined) return { kind: 'concurrent', max: limit.concurrent ?? 1 }
  const { count, period } = rate(limit.rate)
  return { kind: 'rate', count, period, burst: limit.burst ?? count }
}

function wordsOf(by: LimitConfig['by']): readonly string[] {
  return typeof by === 'string' ? [by] : by
}

function wordPath(limit: LimitConfig, path: readonly (string | number)[], i: number): (string | number)[] {
  return typeof limit.by === 'string' ? [...path, 'by'] : [...path, 'by', i]
}
