/** The policies that are settings: `validate`, `identity`, `timeouts`. The nearer level wins key by key. */
import type { ValidateConfig } from '../config/schema.ts'
import type { RoutePlan, ValidatePlan } from '../../plan.ts'
import { duration, size } from './checked.ts'
import { speaking, type Block, type Sourced } from './levels.ts'
import type { Report } from './report.ts'

const MAX_BODY = 10 << 20
const REQUEST_TIMEOUT = 30_000
const IDLE_TIMEOUT = 60_000

type Body = NonNullable<ValidateConfig['body']>

/**
 * What a route enforces of `validate`, and what it only tries out; null when that is nothing. Shadow covers what
 * stands beside it, never a farther level: a key said in shadow leaves the enforced one, or the default, as it is.
 */
export function compileValidate(
  blocks: readonly Block[],
  report: Report
): { enforced: ValidatePlan; shadow: ValidatePlan | null } {
  const said = speaking(blocks, 'validate')
  const enforced = said.filter(({ value }) => value.mode !== 'shadow')
  const [cap, types] = [saying(enforced, 'maxSize'), saying(enforced, 'contentTypes')]
  const [triedCap, triedTypes] = [inShadow(saying(said, 'maxSize')), inShadow(saying(said, 'contentTypes'))]
  const tried = triedTypes ?? triedCap
  const where = (from: Sourced<ValidateConfig> | undefined): string | null => (from ? report.where(from.path) : null)
  return {
    enforced: {
      maxSize: sizeOf(cap) ?? MAX_BODY,
      contentTypes: typesOf(types),
      mode: 'enforce',
      where: where(enforced.at(-1))
    },
    shadow: tried
      ? {
          maxSize: sizeOf(triedCap) ?? Number.MAX_SAFE_INTEGER,
          contentTypes: typesOf(triedTypes),
          mode: 'shadow',
          where: where(tried)
        }
      : null
  }
}

export function compileIdentity(blocks: readonly Block[]): RoutePlan['identity'] {
  const identity: RoutePlan['identity'] = { headers: true, credentials: 'strip' }
  for (const { value } of speaking(blocks, 'identity')) {
    identity.headers = value.headers ?? identity.headers
    identity.credentials = value.credentials ?? identity.credentials
  }
  return identity
}

export function compileTimeouts(blocks: readonly Block[]): RoutePlan['timeouts'] {
  const timeouts = { request: REQUEST_TIMEOUT, idle: IDLE_TIMEOUT }
  for (const { value } of speaking(blocks, 'timeouts')) {
    if (value.request !== undefined) timeouts.request = duration(value.request)
    if (value.idle !== undefined) timeouts.idle = duration(value.idle)
  }
  return timeouts
}

function saying(said: readonly Sourced<ValidateConfig>[], key: keyof Body): Sourced<ValidateConfig> | undefined {
  return said.findLast(({ value }) => value.body?.[key] !== undefined)
}

function inShadow(from: Sourced<ValidateConfig> | undefined): Sourced<ValidateConfig> | undefined {
  return from?.value.mode === 'shadow' ? from : undefined
}

function sizeOf(from: Sourced<ValidateConfig> | undefined): number | undefined {
  const written = from?.value.body?.maxSize
  return written === undefined ? undefined : size(written)
}

function typesOf(from: Sourced<ValidateConfig> | undefined): string[] | null {
  return from?.value.body?.contentTypes?.map((type) => type.toLowerCase()) ?? null
}
