/**
 * What the admin API is made of. A part of the gateway that its owner may ask or change is a list of resources; the
 * control thread collects the lists (control.ts), and the control socket and `admin.address` serve the same ones.
 */

export type AdminMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface Resource {
  /** Matched segment by segment: `/bans/{id}`. No two resources may fit one path. */
  path: string
  /** Holds nothing that is secret: asked for without a credential, also on `metrics.address`. Its path has no parameters. */
  open?: true
  /** By method. HEAD is not served: nobody asks an API for it. */
  operations: Partial<Record<AdminMethod, Operation>>
}

export interface Operation {
  /** Takes a JSON body of at most this many bytes; absent: a body is refused with 413. */
  body?: number
  /** What it throws is answered with 500 and its message; AdminProblem says otherwise. */
  run(call: AdminCall): AdminAnswer | Promise<AdminAnswer>
}

export interface AdminCall {
  /** The path's `{x}`, percent-decoded. Each of them is there. */
  params: Readonly<Record<string, string>>
  query: URLSearchParams
  /** The parsed body; undefined when none was sent. Its form is the operation's to check. */
  body: unknown
}

export interface AdminAnswer {
  status: number
  type: string
  body: string
}

export function json(status: number, value: unknown): AdminAnswer {
  return { status, type: 'application/json', body: JSON.stringify(value) }
}

export function text(status: number, type: string, body: string): AdminAnswer {
  return { status, type, body }
}

/** The call can't be served as asked. The message is for the owner, the only one who can ask: no secret in it. */
export class AdminProblem extends Error {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail)
    this.status = status
    this.headers = headers
  }
}
