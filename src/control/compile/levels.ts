/**
 * Levels: which policies hold for a route, and how those of several levels combine (README, "A configuration of your
 * own"). A route's blocks are, outermost first: the gateway's, the service's profiles and its own, the route's profiles and its own.
 *
 * Three rules. Nearest: the nearest block that speaks stands alone. Adding up: all hold; what has a name is replaced,
 * in its place, by a nearer one of that name. Settings: the nearer wins key by key, which each policy's file does for
 * its own keys with what `speaking` returns.
 */
import type { Config, PoliciesConfig, ProfileConfig, RouteConfig, ServiceConfig } from '../config/schema.ts'
import type { Level } from '../../plan/policy.ts'
import type { Path, Report } from './report.ts'

export type PolicyName = keyof PoliciesConfig

/** One level's policies. */
export interface Block {
  level: Level
  /** Of the policies' mapping. */
  path: Path
  policies: PoliciesConfig
}

/** A value of the configuration, where it stands and the level that says it. */
export interface Sourced<T> {
  value: T
  level: Level
  path: Path
}

/** What a policy says where it says something else than `none`. */
export type Said<P extends PolicyName> = Exclude<NonNullable<PoliciesConfig[P]>, 'none'>

/** The blocks of every service and route of one configuration. */
export class Levels {
  readonly #gateway: Block[]
  readonly #profiles = new Map<string, Block>()

  constructor(config: Config) {
    this.#gateway = config.policies ? [{ level: 'gateway', path: ['policies'], policies: config.policies }] : []
    config.profiles?.forEach((profile: ProfileConfig, i) => {
      this.#profiles.set(profile.name, {
        level: `profile:${profile.name}`,
        path: ['profiles', i, 'policies'],
        policies: profile.policies
      })
    })
  }

  /** Blocks of the gateway's level: one, or none when it says nothing. */
  get gateway(): readonly Block[] {
    return this.#gateway
  }

  /** Outermost first. */
  ofService(service: ServiceConfig, path: Path): Block[] {
    return [...this.#gateway, ...this.#own(service, `service:${service.name}`, path)]
  }

  /** Outermost first; `outer` is what `ofService` says. */
  ofRoute(outer: readonly Block[], name: string, route: RouteConfig, path: Path): Block[] {
    return [...outer, ...this.#own(route, `route:${name}`, path)]
  }

  #own(holder: ServiceConfig | RouteConfig, level: Level, path: Path): Block[] {
    const blocks: Block[] = []
    for (const name of holder.use ?? []) {
      const profile = this.#profiles.get(name)
      if (profile) blocks.push(profile)
    }
    if (holder.policies) blocks.push({ level, path: [...path, 'policies'], policies: holder.policies })
    return blocks
  }
}

/** What `policy` says at each block that isn't cut off by a nearer `none`, outermost first. */
export function speaking<P extends PolicyName>(blocks: readonly Block[], policy: P): Sourced<Said<P>>[] {
  const said: Sourced<Said<P>>[] = []
  for (const { level, path, policies } of blocks) {
    const value = policies[policy]
    if (value === undefined) continue
    if (value === 'none') said.length = 0
    // `none` is taken care of above; TypeScript can't narrow an indexed access of a generic key.
    else said.push({ value: value as Said<P>, level, path: [...path, policy] })
  }
  return said
}

/** What the nearest block that speaks of `policy` says; null when none does, or it says `none`. */
export function nearestOf<P extends PolicyName>(blocks: readonly Block[], policy: P): Sourced<Said<P>> | null {
  return speaking(blocks, policy).at(-1) ?? null
}

/** One of the things that add up. */
export interface Item<T> extends Sourced<T> {
  /** What a nearer one replaces it by; null: nothing replaces it. */
  name: string | null
}

/**
 * Adds up what all levels say, outermost first; each list holds one block's items. A profile that a route meets twice
 * counts once: its items are recognised by where they stand. `replaced` hears of each that a nearer one of its name took
 * the place of.
 */
export function addUp<T>(
  lists: readonly (readonly Item<T>[])[],
  replaced: (nearer: Item<T>, farther: Item<T>) => void
): Item<T>[] {
  const sum: Item<T>[] = []
  for (const list of lists) {
    for (const item of list) {
      if (sum.some((other) => isSame(other, item))) continue
      const same = item.name === null ? -1 : sum.findIndex((other) => other.name === item.name)
      const farther = sum[same]
      if (!farther) {
        sum.push(item)
        continue
      }
      replaced(item, farther)
      sum[same] = item
    }
  }
  return sum
}

function isSame(a: Sourced<unknown>, b: Sourced<unknown>): boolean {
  return a.level === b.level && a.path.at(-1) === b.path.at(-1)
}

/** Lists every `<policy>: none` of a route's blocks, and `auth: public`, with what each drops of farther levels. */
export function reportDrops(blocks: readonly Block[], report: Report): void {
  blocks.forEach(({ policies, path }, i) => {
    for (const [policy, value] of Object.entries(policies) as [PolicyName, unknown][]) {
      const farther = value === 'none' || value === 'public' ? speaking(blocks.slice(0, i), policy) : []
      const dropped = farther.map(({ level }) => level)
      if (value === 'public') {
        const guard = farther.at(-1)
        if (guard !== undefined && guard.value !== 'public')
          report.widening([...path, policy], 'auth: public opens what a farther level guards', [guard.level])
      } else if (value === 'none') {
        // No level drops the gateway's `ip`: it is the outer wall.
        const subjects = policy === 'ip' ? dropped.filter((level) => level !== 'gateway') : dropped
        const kept = policy === 'ip' && subjects.length < dropped.length ? ', but for the gateway’s, which stays' : ''
        report.widening([...path, policy], `${policy}: none drops what farther levels say of it${kept}`, subjects)
      }
    }
  })
}
