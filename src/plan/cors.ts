import type { Where } from './policy.ts'

export interface CorsPlan {
  /** Exact origins, `https://*.x` for one label, or `*`. */
  origins: string[]
  methods: string[]
  /** Lower-case. */
  headers: string[]
  expose: string[]
  credentials: boolean
  /** Seconds. */
  maxAge: number | null
  where: Where
}
