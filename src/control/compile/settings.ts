/** `timeouts`: settings, of which the nearer level wins key by key. */
import type { RoutePlan } from '../../plan/route.ts'
import { duration } from './checked.ts'
import { speaking, type Block } from './levels.ts'

const REQUEST_TIMEOUT = 30_000
const IDLE_TIMEOUT = 60_000

export function compileTimeouts(blocks: readonly Block[]): RoutePlan['timeouts'] {
  const timeouts = { request: REQUEST_TIMEOUT, idle: IDLE_TIMEOUT }
  for (const { value } of speaking(blocks, 'timeouts')) {
    if (value.request !== undefined) timeouts.request = duration(value.request)
    if (value.idle !== undefined) timeouts.idle = duration(value.idle)
  }
  return timeouts
}
