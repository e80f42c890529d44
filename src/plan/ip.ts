import type { Level, Mode, Where } from './policy.ts'

export interface IpPlan {
  /** CIDR blocks; null: everyone. */
  allow: string[] | null
  deny: string[]
  mode: Mode
  level: Level
  where: Where
}
