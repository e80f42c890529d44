import type { PreparedIp } from '../policy/ip.ts'
import { judgeIp } from '../policy/ip.ts'
import { refuse } from '../problems.ts'
import type { Exchange } from './exchange.ts'
import { CONTINUE, type Verdict } from './verdict.ts'

/** The gateway's own `ip`: judged before routing, dropped by no level. */
export function outerWall(x: Exchange): Verdict {
  return judge(x, x.tables.gatewayIp)
}

/** The service's and the route's `ip`. */
export function routeIp(x: Exchange): Verdict {
  return x.route === null ? CONTINUE : judge(x, x.route.ip)
}

function judge(x: Exchange, policies: readonly PreparedIp[]): Verdict {
  for (let i = 0; i < policies.length; i++) {
    const policy = policies[i]
    if (policy === undefined) continue
    const { where, mode, level } = policy.plan
    const reason = judgeIp(policy, x.clientAddress)
    if (reason === null) {
      x.note('ip', 'pass', 'ip', '', where, level)
      continue
    }
    const refusal = refuse('not-allowed', 'ip', `${x.clientIp}: ${reason}`, { where })
    if (mode === 'enforce') return refusal
    x.wouldDeny(refusal)
  }
  return CONTINUE
}
