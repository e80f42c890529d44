/** `/bans` of the admin API. */
import { AdminProblem, json, type Resource } from '../admin/resource.ts'
import { parseDuration } from '../config/units.ts'
import type { BanBook, Wanted } from './book.ts'

const BODY = 4096
const LONGEST_REASON = 256
const DEFAULT_TIME = '24h'

export interface Kept {
  kept: boolean
  /** Why it does not outlive a restart for now. */
  notKept?: string
}

export function banResources(book: BanBook): Resource[] {
  return [
    {
      path: '/bans',
      operations: {
        GET: { run: () => json(200, { bans: book.list() }) },
        POST: {
          body: BODY,
          run: async ({ body }) => {
            const ban = book.add(wantedOf(body))
            if (typeof ban === 'string') throw new AdminProblem(422, ban)
            return json(201, { ...ban, ...(await keptBy(book)) })
          }
        }
      }
    },
    {
      // An address, a block (its / as %2F) or an id.
      path: '/bans/{ban}',
      operations: {
        DELETE: {
          run: async ({ params }) => {
            const { ban = '' } = params
            const removed = book.remove(ban)
            const within = book.around(ban)
            if (removed.length > 0) return json(200, { removed, within, ...(await keptBy(book)) })
            const networks = within.length === 0 ? '' : `; it is in ${within.join(', ')}, which is`
            throw new AdminProblem(404, `nothing that is called ${ban} is banned${networks}`)
          }
        }
      }
    }
  ]
}

/** Whether an owner's word outlives a restart, told after it does: a command that has ended is not forgotten by `kill -9`. */
async function keptBy(book: BanBook): Promise<Kept> {
  const notKept = await book.kept()
  return notKept === '' ? { kept: true } : { kept: false, notKept }
}

function wantedOf(body: unknown): Wanted {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new AdminProblem(400, 'a ban is { "address": "192.0.2.1", "for": "24h", "reason": "…" }')
  const { address, for: time = DEFAULT_TIME, reason = '', ...others } = body as Record<string, unknown>
  const [unknown] = Object.keys(others)
  if (unknown !== undefined)
    throw new AdminProblem(400, `a ban has address, for and reason, and no ${JSON.stringify(unknown)}`)
  if (typeof address !== 'string') throw new AdminProblem(400, 'address must be an IP address or a CIDR block')
  const ms = typeof time === 'string' ? parseDuration(time) : null
  if (ms === null || ms === 0) throw new AdminProblem(400, 'for must be a duration such as 10m, 24h or 7d')
  if (typeof reason !== 'string' || reason.length > LONGEST_REASON)
    throw new AdminProblem(400, `reason must be a text of at most ${LONGEST_REASON} characters`)
  return { address, time: ms, reason }
}
