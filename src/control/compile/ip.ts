/** `ip`: adds up over levels, all must allow. The gateway's stands alone in the plan, before routing. */
import type { IpConfig } from '../config/schema.ts'
import type { IpPlan } from '../../plan/ip.ts'
import { addUp, speaking, type Block, type Sourced } from './levels.ts'
import type { Report } from './report.ts'

/** The gateway's `ip`: the outer wall, which no level drops. */
export function compileGatewayIp(gateway: readonly Block[], report: Report): IpPlan[] {
  return speaking(gateway, 'ip').map((said) => compileIp(said, report))
}

/** What service and route levels and their profiles say, outermost first. */
export function compileRouteIp(blocks: readonly Block[], report: Report): IpPlan[] {
  const inner = blocks.filter(({ level }) => level !== 'gateway')
  const lists = speaking(inner, 'ip').map((said) => [{ ...said, name: null }])
  return addUp(lists, () => {}).map((item) => compileIp(item, report))
}

function compileIp({ value, level, path }: Sourced<IpConfig>, report: Report): IpPlan {
  return {
    allow: value.allow ?? null,
    deny: value.deny ?? [],
    mode: value.mode ?? 'enforce',
    level,
    where: report.where(path)
  }
}
