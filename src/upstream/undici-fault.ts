import { codeOf } from './socket-error.ts'
import type { UpstreamFault } from './transport.ts'

/**
 * What an error of undici, or of the socket below it, says about an exchange. `started`: the request was being
 * written. `headSeen`: the answer's head had come.
 */
export function faultKind(error: Error, started: boolean, headSeen: boolean): UpstreamFault['kind'] {
  const code = codeOf(error)
  switch (code) {
    case 'UND_ERR_CONNECT_TIMEOUT':
      return 'connect-timeout'
    case 'UND_ERR_HEADERS_TIMEOUT':
      return 'response-timeout'
    case 'UND_ERR_BODY_TIMEOUT':
      return 'idle-timeout'
    case 'UND_ERR_HEADERS_OVERFLOW':
    case 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH':
    case 'UND_ERR_INVALID_ARG':
    case 'UND_ERR_NOT_SUPPORTED':
      return 'invalid'
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      // After the head only the connection's end can break the promise of a length; before, two lengths did.
      return headSeen ? 'reset' : 'invalid'
    case 'UND_ERR_SOCKET':
      // Bytes nobody asked for, a 100 without Expect, a 101 without Upgrade.
      if (error.message === 'bad response' || error.message === 'bad upgrade') return 'invalid'
      break
  }
  // The parser's errors come without a code, only with its reason.
  if (error.name === 'HTTPParserError') return error.message.includes('(Invalid EOF state)') ? 'reset' : 'invalid'
  return started ? 'reset' : 'connect'
}

/** Whether the connection itself ended, as opposed to what came over it being wrong or late. */
export function isConnectionLoss(error: Error): boolean {
  switch (codeOf(error)) {
    case 'UND_ERR_SOCKET':
      return error.message === 'other side closed' || error.message === 'closed'
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ECONNABORTED':
      return true
    default:
      return false
  }
}
