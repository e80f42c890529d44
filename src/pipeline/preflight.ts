import { preflightFields } from '../policy/cors.ts'
import type { Exchange } from './exchange.ts'
import { Answer, CONTINUE, type Verdict } from './verdict.ts'

/** Answers a browser's question whether another site's page may send this request. It carries no credentials. */
export function preflight(x: Exchange): Verdict {
  const cors = x.route?.cors ?? null
  if (!x.preflight || cors === null) return CONTINUE
  return new Answer('cors', 204, preflightFields(cors, x.headers.get('origin') ?? ''), '')
}
