/** `listen` and `client`: where clients come in, and whose word on their address is taken. */
import type { ClientConfig, Config, ListenerConfig } from '../config/schema.ts'
import type { ClientPlan, ConnectionsPlan, ListenerPlan } from '../../plan/listener.ts'
import type { CertificateOptions } from './certificates.ts'
import { compileClientCertificates } from './client-authorities.ts'
import { address, addressSource, rate, redirect } from './checked.ts'
import type { Path, Report } from './report.ts'

const IPV6_PREFIX = 64

/** Compiles `listen`, in order. Names default to the address as written. `options.report` takes what is found. */
export function compileListeners(config: Config, options: CertificateOptions): ListenerPlan[] {
  const { report } = options
  const listeners = config.listen.map((listener, i): ListenerPlan => ({
    name: listener.name ?? listener.address,
    ...address(listener.address),
    tls: listener.tls !== undefined && listener.tls !== false,
    minVersion: 'TLSv1.2',
    clientCertificates:
      typeof listener.tls === 'object'
        ? compileClientCertificates(
            listener.tls.clientCertificates,
            ['listen', i, 'tls', 'clientCertificates'],
            options
          )
        : null,
    redirect: null,
    ready: listener.ready ?? null,
    client: compileClient(config.client, listener.client, {
      level: listener.client?.connections ? `listener ${listener.name ?? listener.address}` : 'client',
      where: report.where(
        listener.client?.connections ? ['listen', i, 'client', 'connections'] : ['client', 'connections']
      )
    })
  }))
  // `https` means the first TLS listener, and a configuration without one has been refused. Its port may be 0, any
  // free one: then the bound one.
  const firstTlsPort = listeners.find((listener) => listener.tls)?.port ?? 0
  config.listen.forEach((listener, i) => {
    const plan = listeners[i]
    if (plan && listener.redirect !== undefined)
      plan.redirect = { port: redirect(listener.redirect).port ?? firstTlsPort }
  })
  checkUnique(listeners, report)
  if (config.tls?.certificates && !listeners.some((listener) => listener.tls))
    report.warn(['tls', 'certificates'], 'no listener speaks TLS: the certificates are not used')
  checkProxies(config, report)
  if (listeners.every((listener) => listener.redirect))
    report.error(['listen'], 'every listener redirects, so no route can be reached: let one serve')
  return listeners
}

/** A listener's own keys stand over the shared ones. */
function compileClient(
  shared: ClientConfig | undefined,
  own: ClientConfig | undefined,
  place: Pick<ConnectionsPlan, 'level' | 'where'>
): ClientPlan {
  const merged: ClientConfig = { ...shared, ...own }
  return {
    addressFrom: addressSource(merged.addressFrom ?? 'connection'),
    trustedProxies: merged.trustedProxies ?? [],
    ipv6Prefix: merged.ipv6Prefix ?? IPV6_PREFIX,
    chunked: merged.chunked ?? 'accept',
    ...(merged.connections ? { connections: compileConnections(merged.connections, place) } : {})
  }
}

function compileConnections(
  { max, rate: written }: NonNullable<ClientConfig['connections']>,
  place: Pick<ConnectionsPlan, 'level' | 'where'>
): ConnectionsPlan {
  return { ...place, max: max ?? null, rate: written === undefined ? null : rate(written) }
}

/**
 * Two sockets of one port would share its connections, silently (SO_REUSEPORT). Equal addresses have been refused with
 * the configuration; here are those that one wildcard contains. Port 0 is another one each time.
 */
function checkUnique(listeners: readonly ListenerPlan[], report: Report): void {
  listeners.forEach((listener, i) => {
    const before = listeners.slice(0, i)
    if (before.some((other) => other.name === listener.name))
      report.error(['listen', i], `another listener is called ${listener.name}: give one a name`)
    const taken = before.find(
      (other) => other.port === listener.port && other.port !== 0 && overlap(other.host, listener.host)
    )
    if (taken) report.error(['listen', i, 'address'], `the address overlaps with the listener ${taken.name}`)
  })
}

/** On Linux a socket on `::` takes IPv4 too. */
function overlap(a: string, b: string): boolean {
  if (a === '::' || b === '::') return true
  return (a === '0.0.0.0' && !b.includes(':')) || (b === '0.0.0.0' && !a.includes(':'))
}

/**
 * The parser reads chunks more loosely than RFC 9112 does, so behind another proxy the two can disagree on where a
 * request ends. With no bodies of unknown length there is nothing to disagree on.
 */
function checkProxies(config: Config, report: Report): void {
  const accepts = (listener: ListenerConfig): boolean =>
    (listener.client?.chunked ?? config.client?.chunked) !== 'refuse'
  const warn = (path: Path): void =>
    report.warn(
      [...path, 'client', 'trustedProxies'],
      'behind a proxy, say client: { chunked: refuse }: bodies without a length are read too loosely to be sure that both see the same requests'
    )
  if (config.client?.trustedProxies && config.listen.some((one) => accepts(one) && !one.client?.trustedProxies))
    warn([])
  config.listen.forEach((listener, i) => {
    if (listener.client?.trustedProxies && accepts(listener)) warn(['listen', i])
  })
}
