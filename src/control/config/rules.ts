/**
 * What holds between keys, where a schema of single keys has nothing to say. Works on the tree, whatever the checker
 * found wrong in it: a rule speaks only where the values it compares are there.
 */
import { consumerRules, issuerRules } from './credential-rules.ts'
import type { Findings } from './findings.ts'
import { child, itemsOf, type Node, textOf, whereOf } from './nodes.ts'
import type { Path } from './result.ts'
import { adminTokenFault, WRITTEN_SECRET } from './secrets.ts'
import { parseAddress, parseRedisUrl } from './units.ts'

export function checkRules(root: Node, findings: Findings): void {
  listeners(root, findings)
  admin(root, findings)
  cluster(root, findings)
  crowdsec(root, findings)
  levels(root, findings)
  services(root, findings)
  issuerRules(root, findings)
  consumerRules(root, findings)
}

// --- listeners

function listeners(root: Node, findings: Findings): void {
  const all = itemsOf(child(root, 'listen'))
  const anyTls = all.some((listener) => speaksTls(listener))
  const addresses = new Map<string, Node>()
  const gateway = child(root, 'client')
  clientRules(gateway, gateway, ['client'], findings)
  for (const [i, listener] of all.entries()) {
    const path = ['listen', i]
    const redirect = child(listener, 'redirect')
    if (redirect && speaksTls(listener))
      findings.error(redirect, [...path, 'redirect'], 'this listener speaks TLS itself; redirect is for plain ones')
    else if (redirect && textOf(redirect) === 'https' && !anyTls)
      findings.error(redirect, [...path, 'redirect'], 'no listener speaks TLS; name the port to redirect to: https:443')
    uniqueAddress(listener, path, addresses, findings)
    const own = child(listener, 'client')
    const clientPath = own ? [...path, 'client'] : path
    clientRules(own, gateway, clientPath, findings)
    const source = child(own, 'addressFrom') ?? child(gateway, 'addressFrom')
    if (speaksTls(listener) && textOf(source) === 'proxy-protocol')
      findings.error(
        own ?? listener,
        clientPath,
        'proxy-protocol is understood on plain listeners only; this one speaks TLS'
      )
  }
  const certificates = child(child(root, 'tls'), 'certificates')
  const first = all.findIndex((listener) => speaksTls(listener))
  const listener = all[first]
  if (listener && itemsOf(certificates).length === 0)
    findings.error(listener, ['listen', first], 'speaks TLS, and tls.certificates holds no certificate for it')
}

function speaksTls(listener: Node): boolean {
  const tls = child(listener, 'tls')
  return tls?.kind === 'mapping' || (tls?.kind === 'scalar' && tls.value === true)
}

/** Two listeners on one port would share its connections by chance. */
function uniqueAddress(listener: Node, path: Path, taken: Map<string, Node>, findings: Findings): void {
  const node = child(listener, 'address')
  const address = parseAddress(textOf(node) ?? '')
  if (!node || !address || address.port === 0) return
  const key = `${address.host} ${address.port}`
  const before = taken.get(key)
  if (before)
    findings.error(node, [...path, 'address'], `the address is taken: see ${whereOf(before.file, before.offset)}`)
  else taken.set(key, node)
}

/** Who trusts no proxy takes no proxy's word. `own` stands over `gateway`, key by key. */
function clientRules(own: Node | undefined, gateway: Node | undefined, path: Path, findings: Findings): void {
  const source = child(own, 'addressFrom')
  const from = textOf(source)
  if (!own || !source || from === undefined || from === 'connection') return
  if (!child(own, 'trustedProxies') && !child(gateway, 'trustedProxies'))
    findings.error(source, [...path, 'addressFrom'], `${from} needs trustedProxies: only these may speak for a client`)
}

// --- admin

function admin(root: Node, findings: Findings): void {
  const node = child(root, 'admin')
  const place = child(node, 'address')
  const address = parseAddress(textOf(place) ?? '')
  const tls = child(node, 'tls')
  const speaks = tls?.kind === 'scalar' && tls.value === true
  if (place && address && !speaks && !isLoopback(address.host))
    findings.error(
      place,
      ['admin', 'address'],
      'an address that is not loopback needs tls: true, or the token would be readable on the way'
    )
  if (tls && speaks && itemsOf(child(child(root, 'tls'), 'certificates')).length === 0)
    findings.error(tls, ['admin', 'tls'], 'tls.certificates holds no certificate for it')
  const token = child(node, 'token')
  const text = textOf(token)
  if (token?.kind !== 'scalar' || text === undefined || token.origin === 'placeholder') return
  const fault = adminTokenFault(text)
  if (fault !== null) findings.error(token, ['admin', 'token'], fault)
  else if (token.origin === 'written') findings.warn(token, ['admin', 'token'], WRITTEN_SECRET)
}

function isLoopback(host: string): boolean {
  return host === '::1' || host.startsWith('127.')
}

// --- cluster

/** Passwords that stand in the file, in a url too. */
function cluster(root: Node, findings: Findings): void {
  const redis = child(child(root, 'cluster'), 'redis')
  const url = child(redis, 'url')
  const path: Path = ['cluster', 'redis']
  const places: [Node | undefined, Path][] = [
    [redis, path],
    [url, [...path, 'url']],
    ...itemsOf(url).map((item, i): [Node, Path] => [item, [...path, 'url', i]])
  ]
  for (const [node, at] of places) {
    const text = textOf(node)
    if (text !== undefined && parseRedisUrl(text)?.password) warnIfWritten(node, at, findings)
  }
  for (const key of ['password', 'sentinelPassword']) warnIfWritten(child(redis, key), [...path, key], findings)
  warnIfWritten(child(child(root, 'cluster'), 'secret'), ['cluster', 'secret'], findings)
}

function warnIfWritten(node: Node | undefined, path: Path, findings: Findings): void {
  if (node?.kind === 'scalar' && node.origin === 'written') findings.warn(node, path, WRITTEN_SECRET)
}

// --- crowdsec

function crowdsec(root: Node, findings: Findings): void {
  warnIfWritten(child(child(child(root, 'threats'), 'crowdsec'), 'key'), ['threats', 'crowdsec', 'key'], findings)
}

// --- policies at their levels

function levels(root: Node, findings: Findings): void {
  const gateway = child(root, 'policies')
  gatewayRules(gateway, findings)
  policyRules(gateway, ['policies'], findings)
  for (const [i, profile] of itemsOf(child(root, 'profiles')).entries())
    policyRules(child(profile, 'policies'), ['profiles', i, 'policies'], findings)
  for (const [i, service] of itemsOf(child(root, 'services')).entries()) {
    policyRules(child(service, 'policies'), ['services', i, 'policies'], findings)
    for (const [j, route] of itemsOf(child(service, 'routes')).entries())
      policyRules(child(route, 'policies'), ['services', i, 'routes', j, 'policies'], findings)
  }
}

function gatewayRules(policies: Node | undefined, findings: Findings): void {
  if (policies?.kind !== 'mapping') return
  for (const [name, { value }] of policies.entries) {
    const path = ['policies', name]
    if (name === 'auth' && textOf(value) === 'public')
      findings.error(
        value,
        path,
        'public may not stand at the gateway’s level: it would open every route that says nothing'
      )
    else if (textOf(value) === 'none')
      findings.warn(value, path, 'drops nothing: no level is farther than the gateway’s own')
  }
}

function policyRules(policies: Node | undefined, path: Path, findings: Findings): void {
  const cors = child(policies, 'cors')
  const credentials = child(cors, 'credentials')
  const anyOrigin = itemsOf(child(cors, 'origins')).find((origin) => textOf(origin) === '*')
  if (anyOrigin && credentials?.kind === 'scalar' && credentials.value === true)
    findings.error(
      credentials,
      [...path, 'cors', 'credentials'],
      'credentials with the origin "*": browsers refuse it; name the origins'
    )
  const jwt = child(child(policies, 'auth'), 'jwt')
  const consumersToo = child(jwt, 'consumers')
  if (consumersToo?.kind === 'scalar' && consumersToo.value === false && !child(jwt, 'issuers'))
    findings.error(
      consumersToo,
      [...path, 'auth', 'jwt', 'consumers'],
      'without issuers and without consumers no token is taken'
    )
}

// --- services

function services(root: Node, findings: Findings): void {
  for (const [i, service] of itemsOf(child(root, 'services')).entries()) {
    const serviceMatch = child(service, 'match')
    const goesSomewhere = child(service, 'url') ?? child(service, 'upstream')
    let forwards = false
    for (const [j, route] of itemsOf(child(service, 'routes')).entries()) {
      if (route.kind !== 'mapping') continue
      const match = child(route, 'match')
      forwards ||= !child(route, 'respond')
      const misspelt = match?.kind === 'mapping' && [...match.entries.keys()].some((key) => key.startsWith('path'))
      if (!misspelt && !child(serviceMatch, 'paths'))
        findings.error(
          match ?? route,
          ['services', i, 'routes', j, ...(match ? ['match'] : [])],
          '"paths" is missing: which paths the route answers'
        )
    }
    if (forwards && !goesSomewhere && service.kind === 'mapping' && child(service, 'routes'))
      findings.error(service, ['services', i], 'expected "url" or "upstream": where its requests go')
  }
}
