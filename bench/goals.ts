/** What the bench has to show. A figure finds its goal by scenario and by what it is measured against. */
import type { Figure } from './scenario.ts'

export interface Goal {
  readonly scenario: string
  readonly against: string
  /** The ratio is to be at most this, or at least. Shares, KB and ns stand where the ratio does. */
  readonly atMost?: number
  readonly atLeast?: number
}

const KB_PER_IDLE_CONNECTION = 8
const SHARE_OF_A_POLICY = 0.03
const NS_OF_A_BAN_LOOKUP = 150
const NS_OF_A_LIMIT = 200

export const goals: readonly Goal[] = [
  { scenario: 'secured-rs256', against: 'nginx', atMost: 1.15 },
  { scenario: 'secured-es256', against: 'nginx', atMost: 1.15 },
  { scenario: 'secured-rs256-pipelined', against: 'nginx', atMost: 0.85 },
  { scenario: 'secured-rs256', against: 'HAProxy jwt_verify RS256', atMost: 0.35 },
  { scenario: 'secured-es256', against: 'HAProxy jwt_verify ES256', atMost: 0.2 },
  { scenario: 'secured-rs256', against: 'fastify + jwt', atMost: 0.25 },
  { scenario: 'secured-rs256', against: 'C forwarder', atMost: 1.7 },
  { scenario: 'secured-rs256-pipelined', against: 'C forwarder', atMost: 1.2 },
  { scenario: 'refusal-401', against: 'nginx return 401', atMost: 1.3 },
  { scenario: 'refusal-404', against: 'nginx return 401', atMost: 1.3 },
  { scenario: 'refusal-429', against: 'nginx return 401', atMost: 1.3 },
  { scenario: 'refusal-banned', against: 'nginx return 401', atMost: 1.3 },
  { scenario: 'new-tokens-rs256', against: 'OpenSSL', atLeast: 0.4 },
  { scenario: 'bad-token-flood', against: 'without', atMost: 2 },
  { scenario: 'routes-10000', against: '10 routes', atLeast: 0.97 },
  { scenario: 'policy-ip', against: 'without', atMost: SHARE_OF_A_POLICY },
  { scenario: 'policy-rule', against: 'without', atMost: SHARE_OF_A_POLICY },
  { scenario: 'policy-limit', against: 'without', atMost: SHARE_OF_A_POLICY },
  { scenario: 'policy-cors', against: 'without', atMost: SHARE_OF_A_POLICY },
  { scenario: 'policy-headers', against: 'without', atMost: SHARE_OF_A_POLICY },
  { scenario: 'workers-2', against: '1 worker', atMost: 1.1 },
  { scenario: 'ban-lookup', against: '110,000 bans', atMost: NS_OF_A_BAN_LOOKUP },
  { scenario: 'ban-lookup', against: '110,000 bans of IPv6', atMost: NS_OF_A_BAN_LOOKUP },
  { scenario: 'limit-decision', against: 'its time', atMost: NS_OF_A_LIMIT },
  { scenario: 'idle-plain', against: 'at rest', atMost: KB_PER_IDLE_CONNECTION },
  { scenario: 'idle-tls', against: 'at rest', atMost: KB_PER_IDLE_CONNECTION }
]

export function goalOf({ scenario, against }: Pick<Figure, 'scenario' | 'against'>): Goal | undefined {
  return goals.find((goal) => goal.scenario === scenario && goal.against === against)
}

/** A figure that isn't a number holds nothing. */
export function holds({ atMost = Infinity, atLeast = -Infinity }: Goal, ratio: number): boolean {
  return ratio <= atMost && ratio >= atLeast
}

export function goalText({ atMost, atLeast }: Goal): string {
  return atMost === undefined ? `≥ ${atLeast}` : `≤ ${atMost}`
}
