/** What would happen to a request, and why, in words: what `explain` prints and what tests are compared with. */
import { allFields } from '../answer-fields.ts'
import type { KeySet } from '../plan/keys.ts'
import type { Plan } from '../plan/plan.ts'
import type { DescribedRequest } from '../policy-test.ts'
import { allHeaders } from '../upstream/transport.ts'
import { Permit } from './authorize.ts'
import { step, type TraceStep } from './exchange.ts'
import { answerHeaders, refusalHeaders, upstreamRequest } from './messages.ts'
import { Rehearsal, type Rehearsed } from './rehearsal.ts'
import { Answer } from './verdict.ts'

export interface Explanation {
  status: number
  decision: 'forward' | 'deny' | 'answer'
  route: string
  /** The route's line; '' when there is none. */
  where: string
  /** Who denied or answered, '' when nobody did: a policy, or a stage before any policy. */
  policy: string
  /** The rule or limit that denied; '' when it has no name, or nobody did. */
  rule: string
  /** Name of the upstream; '' when none is asked. */
  upstream: string
  steps: TraceStep[]
  /** Policies, rules and limits in shadow that would have denied. */
  shadow: string[]
  /** What the upstream would be told, or what the client would get. */
  headers: [string, string][]
}

/**
 * One request by itself.
 *
 * @param keys what is known of the issuers' keys, for real tokens in `headers`; a described caller needs none
 * @throws DescriptionError: no such listener or consumer, an unreadable address
 */
export async function explainRequest(
  plan: Plan,
  request: DescribedRequest,
  keys: readonly KeySet[] = []
): Promise<Explanation> {
  const callers = new Set(request.as === null ? [] : [request.as])
  const rehearsal = await Rehearsal.open(plan, callers, keys)
  try {
    return explanationOf(await rehearsal.play(request))
  } finally {
    await rehearsal.close()
  }
}

export function explanationOf({ x, outcome, steps }: Rehearsed): Explanation {
  const common = { route: x.routeName, where: x.route?.plan.where ?? '', shadow: [...x.shadows] }
  if (outcome instanceof Permit) {
    const { action } = outcome.route
    const upstream = action.kind === 'forward' ? action.upstream.name : ''
    const headers = pairs(allHeaders(upstreamRequest(outcome, x)))
    return { status: 200, decision: 'forward', ...common, policy: '', rule: '', upstream, steps, headers }
  }
  if (outcome instanceof Answer) {
    const { by, status } = outcome
    const where = by === 'cors' ? (x.route?.plan.cors?.where ?? '') : common.where
    const answered = { stage: by, verdict: 'answer', policy: by, rule: '', where, detail: '', shadow: false }
    const headers = pairs(allFields(answerHeaders(x, outcome)))
    return {
      status,
      decision: 'answer',
      ...common,
      policy: by,
      rule: '',
      upstream: '',
      steps: [...steps, answered],
      headers
    }
  }
  const { problem, policy, rule } = outcome
  const headers = pairs(allFields(refusalHeaders(x, outcome)))
  return {
    status: problem.status,
    decision: 'deny',
    ...common,
    policy,
    rule,
    upstream: '',
    steps: [...steps, step(outcome)],
    headers
  }
}

function pairs(flat: readonly string[]): [string, string][] {
  const list: [string, string][] = []
  for (let i = 0; i + 1 < flat.length; i += 2) list.push([flat[i] ?? '', flat[i + 1] ?? ''])
  return list
}
