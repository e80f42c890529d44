/** Names of header fields that more than one room has to know, lower-case. */

/**
 * Fields that tell services who calls, and from where. They are believed, so a client's own copies never get through: on
 * no route, whether the route sends them or not.
 */
export const IDENTITY_FIELDS: ReadonlySet<string> = new Set([
  'x-consumer',
  'x-consumer-groups',
  'x-subject',
  'x-issuer',
  'x-scopes',
  'x-auth-method',
  'x-credential',
  'x-request-id',
  'traceparent',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host'
])

/**
 * Fields of an answer that speak of one connection and end with it (RFC 9110 section 7.6.1). The `Proxy-*` ones are
 * between a proxy and its client: we are not the proxy that the upstream means.
 */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade'
])
