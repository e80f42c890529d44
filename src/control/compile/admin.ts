import { createHash } from 'node:crypto'
import type { AdminPlan } from '../../plan/admin.ts'
import type { AdminConfig } from '../config/schema.ts'
import { address } from './checked.ts'

/** The token itself stays here: a plan is sent to threads and kept in a file. */
export function compileAdmin(config: AdminConfig | undefined): AdminPlan | null {
  if (config === undefined) return null
  const { host, port } = address(config.address)
  return {
    host,
    port,
    tls: config.tls ?? false,
    tokenHash: createHash('sha256').update(config.token, 'latin1').digest('hex')
  }
}
