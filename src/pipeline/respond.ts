import { render } from '../policy/template.ts'
import type { Exchange } from './exchange.ts'
import { Answer, CONTINUE, type Verdict } from './verdict.ts'

/** Routes with `respond`: Gatehouse itself answers, under the same policies as any other route. */
export function respond(x: Exchange): Verdict {
  const action = x.permit?.route.action
  if (action === undefined || action.kind !== 'respond') return CONTINUE
  const headers: string[] = []
  for (const { name, value } of action.headers) headers.push(name, render(value, x))
  return new Answer('respond', action.status, headers, action.body === null ? '' : render(action.body, x))
}
