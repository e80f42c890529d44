/** `/revocations` of the admin API. */
import type { RevocationPlan } from '../../plan/revocation.ts'
import { json, type AdminAnswer, type Resource } from '../admin/resource.ts'
import { readRevocation, type KnownNames } from './entry.ts'
import type { ListedRevocation, RevocationRegistry } from './registry.ts'

/** A call's body, bytes: five names of 512 characters, each up to 6 bytes escaped. */
const LARGEST = 32 << 10

/** As the API shows one: times in ISO 8601, and only what it names. */
export interface RevocationReport {
  id: string
  issuer?: string
  jti?: string
  subject?: string
  consumer?: string
  kid?: string
  issuedBefore?: string
  until: string
  reason?: string
  /** Its line in the configuration, or `control socket`. */
  where: string
  origin: 'configuration' | 'runtime'
  added?: string
}

/** The answer to POST and DELETE: it holds on every worker. */
export interface RevocationAnswer {
  revocation: RevocationReport
  /** Whether it outlives a restart; `notKept` says why it may not. */
  kept: boolean
  notKept?: string
  /** Of a DELETE: the configuration says the same at this line, so it still holds. */
  still?: string
}

/** @param changed told of each change, for the log */
export function revocationResources(
  registry: RevocationRegistry,
  known: () => KnownNames,
  changed: (text: string, fields: Record<string, unknown>) => void
): Resource[] {
  return [
    {
      path: '/revocations',
      operations: {
        GET: { run: () => json(200, { revocations: registry.list(Date.now()).map(report) }) },
        POST: {
          body: LARGEST,
          run: async ({ body }) => {
            const now = Date.now()
            const entry = readRevocation(body, known(), now)
            const { notKept } = await registry.add(entry, now)
            changed('revoked', fieldsOf(entry))
            return answer(201, { ...entry, origin: 'runtime', added: now }, notKept, '')
          }
        }
      }
    },
    {
      path: '/revocations/{id}',
      operations: {
        DELETE: {
          run: async ({ params }) => {
            const { removed, notKept, still } = await registry.remove(params.id ?? '')
            changed('a revocation was taken back', fieldsOf(removed))
            return answer(200, { ...removed, origin: 'runtime', added: null }, notKept, still)
          }
        }
      }
    }
  ]
}

function answer(status: number, entry: ListedRevocation, notKept: string, still: string): AdminAnswer {
  const said: RevocationAnswer = { revocation: report(entry), kept: notKept === '' }
  if (notKept !== '') said.notKept = notKept
  if (still !== '') said.still = still
  return json(status, said)
}

function report(entry: ListedRevocation): RevocationReport {
  const { origin, added } = entry
  return { ...fieldsOf(entry), where: entry.where, origin, ...(added === null ? {} : { added: iso(added) }) }
}

function fieldsOf(entry: RevocationPlan): Omit<RevocationReport, 'where' | 'origin' | 'added'> {
  const { id, issuer, jti, subject, consumer, kid, issuedBefore, until, reason } = entry
  return {
    id,
    ...(issuer === null ? {} : { issuer }),
    ...(jti === null ? {} : { jti }),
    ...(subject === null ? {} : { subject }),
    ...(consumer === null ? {} : { consumer }),
    ...(kid === null ? {} : { kid }),
    ...(issuedBefore === null ? {} : { issuedBefore: iso(issuedBefore) }),
    until: iso(until),
    ...(reason === '' ? {} : { reason })
  }
}

function iso(time: number): string {
  return new Date(time).toISOString()
}
