/** The plan's threats made executable for one generation. */
import { IpSet } from '../ip-set.ts'
import type { ScenarioPlan, ThreatsPlan } from '../plan/threats.ts'
import type { KeyPart } from '../plan/values.ts'
import { prepareKey, type PreparedKey } from '../policy/key.ts'
import { refuse, type Refusal } from '../problems.ts'
import type { Detector, Scenario } from '../threats/detector.ts'
import { Honeypots } from '../threats/honeypots.ts'
import { ADDED, CANARY, CROWDSEC, HONEYPOT, tagOfName } from '../threats/tag.ts'

export interface PreparedThreats {
  readonly plan: ThreatsPlan
  /** By status: whoever may count it. */
  readonly watches: readonly (readonly Watch[])[]
  /** Whether anything at all may ban: else nobody need know who succeeded from where. */
  readonly active: boolean
  readonly never: IpSet
  readonly honeypots: Honeypots | null
  /** What a banned request is refused with, by the ban's tag. */
  readonly refusals: ReadonlyMap<number, Refusal>
  /** Keys that bans may be under, besides addresses: judged once the caller is known. */
  readonly keyed: readonly BannedKey[]
  /** Whether bans in shadow mode are to be looked up too. */
  readonly shadow: boolean
}

/** A scenario, and under what it counts. */
export interface Watch {
  readonly scenario: Scenario
  /** `address`: of the client; `account`: whom a credential claims to be; else a key of `by`'s words. */
  readonly under: 'address' | 'account' | BannedKey
}

export interface BannedKey {
  /** The words, which begin the key: a consumer named as a header's value is not that value. */
  readonly prefix: string
  readonly parts: readonly KeyPart[]
  readonly key: PreparedKey
}

const STATUSES = 600

export function prepareThreats(plan: ThreatsPlan, detector: Detector): PreparedThreats {
  const keyed = new Map<string, BannedKey>()
  const watches = plan.scenarios.map((scenario): Watch => ({
    scenario: detector.prepare(plan.mode === 'shadow' ? { ...scenario, mode: 'shadow' } : scenario),
    under: underOf(scenario.by, keyed)
  }))
  const honeypots = new Honeypots(plan.honeypots)
  return {
    plan,
    watches: byStatus(watches),
    active: watches.length > 0 || !honeypots.empty,
    never: new IpSet(plan.never),
    honeypots: honeypots.empty ? null : honeypots,
    refusals: refusalsOf(plan),
    keyed: [...keyed.values()],
    shadow: plan.mode === 'shadow' || plan.scenarios.some(({ mode }) => mode === 'shadow')
  }
}

function underOf(by: ScenarioPlan['by'], keyed: Map<string, BannedKey>): Watch['under'] {
  if (by === 'account') return 'account'
  if (by.length === 1 && by[0]?.kind === 'ip') return 'address'
  const prefix = `${by.map((part) => ('name' in part ? `${part.kind}:${part.name}` : part.kind)).join(',')}\0`
  const known = keyed.get(prefix)
  if (known !== undefined) return known
  const key = { prefix, parts: by, key: prepareKey(by) }
  keyed.set(prefix, key)
  return key
}

/** Statuses that none names are those of refusals, or any where a scenario asks for no refusal. */
function byStatus(watches: readonly Watch[]): readonly (readonly Watch[])[] {
  return Array.from({ length: STATUSES }, (_, status) => {
    const some = watches.filter(({ scenario }) => {
      const { statuses, policies } = scenario.plan.count
      return statuses === null ? status >= (policies === null ? 100 : 400) : statuses.includes(status)
    })
    return some.length === 0 ? NOBODY : some
  })
}

const NOBODY: readonly Watch[] = []

/** Made once: a banned request costs no more than any other refusal. */
function refusalsOf({ scenarios, honeypots }: ThreatsPlan): Map<number, Refusal> {
  const refusals = new Map<number, Refusal>()
  const add = (rule: string, where: string, reason: string): unknown =>
    refusals.set(tagOfName(rule), refuse('banned', 'ban', reason, { rule, where }))
  add(ADDED, '', 'banned by the owner')
  add(CROWDSEC, '', 'banned by a decision of CrowdSec')
  add(CANARY, '', 'banned for using a canary key')
  add(HONEYPOT, honeypots.find(({ where }) => where !== '')?.where ?? '', 'banned for visiting a honeypot')
  for (const { name, where } of scenarios) add(name, where, `banned by ${name}`)
  return refusals
}
