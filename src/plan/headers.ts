import type { Template } from './values.ts'

export interface HeadersPlan {
  /** nosniff, frame denial, referrer, HSTS on TLS and the like on every answer that lacks them. */
  security: boolean
  request: HeaderOperations
  response: HeaderOperations
}

/** Carried out in this order. Names lower-case. */
export interface HeaderOperations {
  remove: string[]
  rename: { from: string; to: string }[]
  set: { name: string; value: Template }[]
  default: { name: string; value: Template }[]
  append: { name: string; value: Template }[]
}
