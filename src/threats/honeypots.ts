import type { HeaderList } from '../headers.ts'
import type { HoneypotPlan } from '../plan/threats.ts'

/** Paths that nobody has a reason to ask for, by path. */
export class Honeypots {
  readonly #byPath = new Map<string, HoneypotPlan[]>()

  constructor(plans: readonly HoneypotPlan[]) {
    for (const plan of plans)
      for (const path of plan.paths) {
        const others = this.#byPath.get(path)
        if (others) others.push(plan)
        else this.#byPath.set(path, [plan])
      }
  }

  get empty(): boolean {
    return this.#byPath.size === 0
  }

  /**
   * @param path in normal form; a final `/` makes no difference, as in routing
   * @param host lower-case, without port
   */
  find(host: string, path: string): HoneypotPlan | null {
    const length = path.length - 1
    const bare = length > 0 && path.charCodeAt(length) === SLASH ? path.slice(0, length) : path
    const plans = this.#byPath.get(bare)
    if (plans === undefined) return null
    for (const plan of plans) if (plan.hosts === null || plan.hosts.some((one) => isHost(one, host))) return plan
    return null
  }
}

const SLASH = 0x2f

function isHost(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === host
  const dot = host.indexOf('.')
  return dot > 0 && host.slice(dot) === pattern.slice(1)
}

/**
 * Whether a page may have made this request without its reader's doing: an image tag on any page, or a link, would
 * otherwise let whoever writes it ban every reader. Browsers say on TLS and localhost where a request comes from
 * (Fetch Metadata: only `none` is the reader's own); without that, a Referer or an Origin of another host, or an Accept
 * that wants an image says it. A scanner that sends such fields is not counted here, but its
 * 404s have it limited.
 * @param authority as in Host, with its port
 */
export function isOfAnotherPage(headers: HeaderList, authority: string): boolean {
  const site = headers.get('sec-fetch-site')
  if (site !== undefined) return site !== 'none'
  const origin = headers.get('origin')
  if (origin !== undefined && !isOf(origin, authority)) return true
  const referer = headers.get('referer')
  if (referer !== undefined && !isOf(referer, authority)) return true
  return headers.get('accept')?.startsWith('image/') ?? false
}

/** Whether a URL is of this host and port. What can't be read is of another. */
function isOf(url: string, authority: string): boolean {
  const start = url.indexOf('://')
  if (start < 0) return false
  const end = url.indexOf('/', start + 3)
  return url.slice(start + 3, end < 0 ? url.length : end).toLowerCase() === authority.toLowerCase()
}
