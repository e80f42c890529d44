/** What holds for one route, line by line, each with the level and the place it comes from: what `show` prints. */
import type { Loaded } from '../config/result.ts'
import type { Level, Where } from '../../plan/policy.ts'
import {
  addUp,
  nearestOf,
  speaking,
  type Block,
  type Item,
  type PolicyName,
  type Said,
  type Sourced
} from './levels.ts'
import type { Path } from './report.ts'

export interface EffectiveLine {
  policy: PolicyName
  /** Key path within the policy: `body.maxSize`, `request.set.x-tenant`, a rule's or limit's name; '' for all of it. */
  key: string
  /** As written, in one line; `(secret)` for what may not be shown. */
  value: string
  level: Level
  where: Where
}

const NEAREST = ['auth', 'cors'] as const
const ADDING_UP = ['ip', 'external', 'authorize', 'limits'] as const
const SETTINGS = ['validate', 'identity', 'headers', 'timeouts'] as const

/** Every line that holds where `blocks`, outermost first, are a route's. Defaults, which no level says, are not among them. */
export function effectiveLines(blocks: readonly Block[], loaded: Loaded): EffectiveLine[] {
  const lines: EffectiveLine[] = []
  const add = (policy: PolicyName, key: string, { value, level, path }: Sourced<unknown>): void => {
    lines.push({ policy, key, value: shown(value, path, loaded), level, where: loaded.where(path) })
  }
  for (const policy of ADDING_UP) {
    for (const item of addUp(itemsOf(blocks, policy), () => {})) add(policy, item.name ?? '', item)
  }
  for (const policy of NEAREST) {
    const said = nearestOf(blocks, policy)
    if (said) add(policy, '', said)
  }
  for (const policy of SETTINGS) {
    for (const [key, leaf] of settingsOf(blocks, policy)) add(policy, key, leaf)
  }
  return lines
}

/** The gateway's `ip` is cut off by no `none`, and so stands before those that may be. */
function itemsOf(blocks: readonly Block[], policy: (typeof ADDING_UP)[number]): Item<unknown>[][] {
  const outer = policy === 'ip' ? speaking(blocks.filter(isGateway), policy) : []
  const inner = speaking(policy === 'ip' ? blocks.filter((block) => !isGateway(block)) : blocks, policy)
  return [...outer, ...inner].map((said: Sourced<unknown>) =>
    Array.isArray(said.value)
      ? said.value.map((value: unknown, i) => ({
          value,
          level: said.level,
          path: [...said.path, i],
          name: nameOf(value)
        }))
      : [{ ...said, name: nameOf(said.value) }]
  )
}

function isGateway({ level }: Block): boolean {
  return level === 'gateway'
}

function nameOf(value: unknown): string | null {
  return isMapping(value) && typeof value['name'] === 'string' ? value['name'] : null
}

/**
 * Settings key by key, the nearest; a list is one value. Two exceptions, as the plan has them: headers to remove add
 * up until a `remove: []`, and what a level in shadow says stands beside what is enforced.
 */
function settingsOf(blocks: readonly Block[], policy: (typeof SETTINGS)[number]): Map<string, Sourced<unknown>> {
  const settings = new Map<string, Sourced<unknown>>()
  for (const said of speaking(blocks, policy)) {
    const shadow = 'mode' in said.value && said.value.mode === 'shadow'
    if (policy === 'headers') dropRemoved(settings, said.value as Said<'headers'>)
    for (const [key, leaf] of leavesOf(said, said.path.length)) {
      if (key === 'mode') continue
      if (policy === 'headers' && key.endsWith('.remove')) addRemoved(settings, key, leaf)
      else settings.set(shadow ? `${key} (shadow)` : key, leaf)
      if (!shadow) settings.delete(`${key} (shadow)`)
    }
  }
  return settings
}

/** Of a name that a nearer level removes, what farther ones say of its value is gone. */
function dropRemoved(settings: Map<string, Sourced<unknown>>, { request, response }: Said<'headers'>): void {
  for (const [side, operations] of Object.entries({ request, response }))
    for (const name of operations?.remove ?? [])
      for (const operation of ['set', 'default', 'append'])
        settings.delete(`${side}.${operation}.${name.toLowerCase()}`)
}

function addRemoved(
  settings: Map<string, Sourced<unknown>>,
  key: string,
  { value, level, path }: Sourced<unknown>
): void {
  const names: unknown[] = Array.isArray(value) ? value : []
  if (names.length === 0) for (const known of settings.keys()) if (known.startsWith(`${key}.`)) settings.delete(known)
  names.forEach((name, i) =>
    settings.set(`${key}.${String(name).toLowerCase()}`, { value: name, level, path: [...path, i] })
  )
}

function* leavesOf({ value, level, path }: Sourced<unknown>, depth: number): Generator<[string, Sourced<unknown>]> {
  if (!isMapping(value)) {
    // The only keys with capitals that may be written in other case are headers' names.
    const steps = path.slice(depth).map((step, i) => (i === 2 ? String(step).toLowerCase() : step))
    yield [steps.join('.'), { value, level, path }]
    return
  }
  for (const [key, member] of Object.entries(value))
    yield* leavesOf({ value: member, level, path: [...path, key] }, depth)
}

function shown(value: unknown, path: Path, loaded: Loaded): string {
  if (loaded.isSecret(path)) return '(secret)'
  if (Array.isArray(value)) return `[${value.map((item, i) => shown(item, [...path, i], loaded)).join(', ')}]`
  if (!isMapping(value)) return typeof value === 'string' ? value : JSON.stringify(value)
  const members = Object.entries(value).map(([key, member]) => `${key}: ${shown(member, [...path, key], loaded)}`)
  return `{ ${members.join(', ')} }`
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
