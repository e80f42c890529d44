import { ByteViews } from '../byte-views.ts'
import { type InvalidPart, type Problem, problemBody } from '../problems.ts'
import { textBytes } from './response-head.ts'

/** Longest request id: a trusted proxy's (policy/trace.ts). */
const MOST_ID = 128

/** The body of one status's problems, in memory of its own: all but the request's id stays as it is. */
class Template {
  readonly #bytes: Buffer
  readonly #views: ByteViews
  /** Where the id begins. */
  readonly #start: number
  readonly #end: Buffer

  constructor(problem: Problem) {
    const body = problemBody(problem, '')
    this.#start = body.lastIndexOf('"')
    this.#end = Buffer.from(body.slice(this.#start))
    this.#bytes = Buffer.alloc(body.length + MOST_ID, body)
    this.#views = new ByteViews(this.#bytes, this.#bytes.length + 1)
  }

  /** @param id ASCII, at most MOST_ID characters */
  with(id: string): Uint8Array {
    const bytes = this.#bytes
    bytes.write(id, this.#start, id.length)
    const end = this.#end
    const at = this.#start + id.length
    for (let i = 0; i < end.length; i++) bytes[at + i] = end[i]! // in range
    return this.#views.of(at + end.length)
  }
}

const templates: (Template | undefined)[] = []

/** A problem's body as it is sent. @returns valid until the next call */
export function problemBytes(problem: Problem, requestId: string, invalid: readonly InvalidPart[]): Uint8Array {
  if (invalid.length > 0 || requestId.length > MOST_ID) return textBytes(problemBody(problem, requestId, invalid))
  return (templates[problem.status] ??= new Template(problem)).with(requestId)
}
