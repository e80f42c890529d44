import type { Caller } from './caller.ts'
import type { HeaderList } from './headers.ts'

/** The certificate that a TLS client proved to hold, and an authority of the listener's vouched for. */
export interface ClientCertificate {
  /** Most specific part first, as RFC 4514 writes it: `CN=client,O=Acme,C=US`. For people; names are compared by `sans`. */
  readonly subject: string
  /** Alternative names with their kind: `DNS:` (lower-case), `URI:`, `email:`, `IP:` (one spelling), others as OpenSSL names them. */
  readonly sans: readonly string[]
  /** `sha256:` and 64 lower-case hex digits, over the whole certificate. */
  readonly fingerprint: string
  /** ms since the epoch: good from (inclusive) and until (inclusive). */
  readonly from: number
  readonly until: number
  /** Why it proves nothing although the TLS library takes it, such as `has an RSA key of 1024 bits`; '' when sound. */
  readonly weakness: string
}

/**
 * A request as the policies see it: normalised once, before any of them looks. pipeline/exchange.ts implements it;
 * `explain` makes the same from the command line.
 */
export interface RequestView {
  /** 26 characters, unique; the `X-Request-Id`. */
  readonly id: string
  /** Upper-case. */
  readonly method: string
  readonly scheme: 'http' | 'https'
  /** Lower-case, without port; IPv6 without brackets. */
  readonly host: string
  /** Normalised and still percent-encoded (path.ts): what was matched and is forwarded. */
  readonly path: string
  /** Raw, without `?`; '' when none. */
  readonly query: string
  /** The request's own header fields. */
  readonly headers: HeaderList
  /** Declared body size; 0 for none, -1 for chunked. */
  readonly size: number
  /** Listener's name. */
  readonly listener: string
  /** The client's address as text, after `client.addressFrom`. IPv4-mapped IPv6 is IPv4. */
  readonly clientIp: string
  /** The same, 4 or 16 bytes. */
  readonly clientAddress: Uint8Array
  /** `clientIp` cut to the listener's ipv6Prefix: the key of limits by ip. */
  readonly clientKey: string
  /** null: the listener asks for none, or the client has none. */
  readonly clientCertificate: ClientCertificate | null
  /** Name of the matched route and of its service; '' before routing. */
  readonly routeName: string
  readonly serviceName: string
  /** Encoded value of a `{name}` of the matched route's path, or undefined. */
  pathParam(name: string): string | undefined
  /** The label that a `{name}` of the matched route's host took, or undefined. */
  hostParam(name: string): string | undefined
  /** What `/*` took, encoded, without its leading `/`; '' when none. */
  readonly rest: string
  readonly caller: Caller
  /** What a JSON body that fits its schema holds; undefined: there is none, or nobody asked for it. */
  readonly content: unknown
}
