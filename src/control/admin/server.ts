/**
 * The admin API over HTTP/1.1, whatever it listens on: finds the operation, reads its body, answers. Who may call is
 * decided by the door it stands behind (control-socket.ts, address.ts).
 */
import type { IncomingMessage, RequestListener, ServerOptions, ServerResponse } from 'node:http'
import { send, sendProblem } from './answer.ts'
import { hasBody, readJson } from './body.ts'
import { type AdminAnswer, AdminProblem, type Resource } from './resource.ts'
import { Router } from './router.ts'

/** A client that takes longer to send its call is cut off. node looks every `connectionsCheckingInterval`. */
export const ADMIN_HTTP: ServerOptions = {
  requestTimeout: 10_000,
  headersTimeout: 5000,
  keepAliveTimeout: 1000,
  maxHeaderSize: 8192,
  connectionsCheckingInterval: 1000
}

/** Open at once, of the socket and of the address each. */
export const MOST_CONNECTIONS = 64

/** Throws AdminProblem for a call that isn't to be looked at. `open`: its resource may be read without a credential. */
export type Admission = (request: IncomingMessage, open: boolean) => void

/** Without `admit` everybody who reaches the server may call. */
export function adminListener(resources: readonly Resource[], admit: Admission = () => {}): RequestListener {
  const router = new Router(resources)
  return (request, response) => {
    answer(request, router, admit).then(
      ({ status, type, body }) => send(response, status, type, body),
      (error: unknown) => refuse(request, response, error)
    )
  }
}

async function answer(request: IncomingMessage, router: Router, admit: Admission): Promise<AdminAnswer> {
  const target = request.url ?? ''
  const question = target.indexOf('?')
  const path = question < 0 ? target : target.slice(0, question)
  admit(request, router.isOpen(path))
  const { operation, params } = router.find(request.method ?? '', path)
  let body: unknown
  if (hasBody(request)) {
    if (operation.body === undefined) throw new AdminProblem(413, `${path} takes no body`)
    body = await readJson(request, operation.body)
  }
  return operation.run({ params, query: new URLSearchParams(question < 0 ? '' : target.slice(question)), body })
}

function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  // Unread bytes would be taken for the next request.
  if (hasBody(request)) response.shouldKeepAlive = false
  if (error instanceof AdminProblem) sendProblem(response, error.status, error.message, error.headers)
  else sendProblem(response, 500, error instanceof Error ? error.message : String(error))
}
