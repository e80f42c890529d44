/** Words that several policies have. */
import { word } from './shapes.ts'

/** Methods the gateway serves; every other is answered 501. */
export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'CONNECT', 'TRACE'] as const

export const Mode = word('enforce (default), or shadow: decide, count and log, and let pass.', ['enforce', 'shadow'])
