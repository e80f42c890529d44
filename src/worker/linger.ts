import { monotonicMs } from '../memory/clock.ts'
import type { RequestBody } from './request-body.ts'
import type { ResponseWriter } from './response-writer.ts'

/** A client that sends less than SLOW bytes for this long after its answer has had time to read it, ms. */
const SILENCE = 2_000
/** Slower than any line that a body is sent over: who drips it would keep a connection for the answer it got long ago. */
const SLOW = 4 * 1024
/** As long as that is waited for at most, however much more it sends, ms. */
const MOST = 30_000
/** From the end of the request's body to the end of the connection, ms: the answer may still be on its way out. */
const GRACE = 250

/**
 * Ends a connection whose answer is out but which can't be used again, once nothing is lost by it: a client that is
 * still sending reads the answer only if no reset overtakes it, and many read nothing before they have sent all.
 * What comes meanwhile of `body` is dropped.
 */
export function linger(
  writer: Pick<ResponseWriter, 'hangUp'>,
  body: Pick<RequestBody, 'complete' | 'bytes' | 'onceComplete'> | null
): void {
  const hangUp = (): void => writer.hangUp()
  if (body === null || body.complete) {
    setTimeout(hangUp, GRACE)
    return
  }
  const until = monotonicMs() + MOST
  let seen = body.bytes
  const look = (): void => {
    if (body.bytes - seen < SLOW || monotonicMs() >= until) return hangUp()
    seen = body.bytes
    timer = setTimeout(look, SILENCE)
  }
  let timer = setTimeout(look, SILENCE)
  body.onceComplete(() => {
    clearTimeout(timer)
    setTimeout(hangUp, GRACE)
  })
}
