import type { Level, Mode, Where } from './policy.ts'

export interface RulePlan {
  /** null: not named. */
  name: string | null
  /** Any of them; null: not asked. */
  groups: string[] | null
  /** All of them; null: not asked. */
  scopes: string[] | null
  /** CEL source, type-checked at load; null: not asked. */
  when: string | null
  /** A reference is part of `when`, so it is not told in reasons. */
  secretWhen?: true
  /** Names usable as `path.x` and `host.x` of the route this rule guards. */
  pathNames: string[]
  /** For the owner's log, never for the caller. */
  reason: string | null
  mode: Mode
  /** Judged after `validate`, which has read the body by then. */
  readsBody?: true
  level: Level
  where: Where
}
