/**
 * What holds between keys, where a schema of single keys has nothing to say. Works on the tree, whatever the checker
 * found wrong in it: a rule speaks only where the values it compares are there.
 */
import type { Findings } from './findings.ts'
import { child, itemsOf, type Node, type ScalarNode, textOf, whereOf } from './nodes.ts'
import type { Path } from './result.ts'
import { adminTokenFault, secretFault } from './secrets.ts'
import { parseAddress, parseRedisUrl } from './units.ts'

const WRITTEN_SECRET = 'a secret in a file that many may read; ${env:NAME} and ${file:path} keep it out'

export function checkRules(root: Node, findings: Findings): void {
  listeners(root, findings)
  admin(root, findings)
  cluster(root, findings)
  levels(root, findings)
  services(root, findings)
  issuers(root, findings)
  consumers(root, findings)
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

// --- issuers and consumers

/** Tokens are told apart by iss alone. */
function issuers(root: Node, findings: Findings): void {
  const taken = new Map<string, { node: Node; owner: number }>()
  const claim = (node: Node | undefined, path: Path, owner: number) => {
    const iss = textOf(node)
    if (!node || iss === undefined || (node.kind === 'scalar' && node.origin === 'placeholder')) return
    const before = taken.get(iss)
    if (!before) taken.set(iss, { node, owner })
    else if (before.owner !== owner)
      findings.error(
        node,
        path,
        `tokens of this issuer already belong elsewhere: see ${whereOf(before.node.file, before.node.offset)}`
      )
  }
  for (const [i, issuer] of itemsOf(child(root, 'issuers')).entries()) {
    claim(child(issuer, 'issuer'), ['issuers', i, 'issuer'], -1 - i)
    inlineKeys(child(child(issuer, 'jwks'), 'keys'), ['issuers', i, 'jwks', 'keys'], findings)
    equalValues(child(issuer, 'equal'), ['issuers', i, 'equal'], findings)
    const secret = child(child(issuer, 'introspection'), 'clientSecret')
    if (secret?.kind === 'scalar' && secret.origin === 'written')
      findings.warn(secret, ['issuers', i, 'introspection', 'clientSecret'], WRITTEN_SECRET)
  }
  const key = child(child(child(root, 'threats'), 'crowdsec'), 'key')
  if (key?.kind === 'scalar' && key.origin === 'written')
    findings.warn(key, ['threats', 'crowdsec', 'key'], WRITTEN_SECRET)
  for (const [i, consumer] of itemsOf(child(root, 'consumers')).entries())
    for (const [j, token] of itemsOf(child(consumer, 'jwt')).entries())
      claim(child(token, 'issuer'), ['consumers', i, 'jwt', j, 'issuer'], i)
}

const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth']

function inlineKeys(keys: Node | undefined, path: Path, findings: Findings): void {
  for (const [i, key] of itemsOf(keys).entries()) {
    const oct = textOf(child(key, 'kty')) === 'oct'
    for (const name of oct ? ['k'] : PRIVATE) {
      const part = child(key, name)
      if (part?.kind !== 'scalar') continue
      part.secret = true
      if (!oct) findings.error(part, [...path, i, name], 'this is a private key; an issuer’s keys are the public ones')
    }
  }
}

function equalValues(equal: Node | undefined, path: Path, findings: Findings): void {
  if (equal?.kind !== 'mapping') return
  for (const [claim, { value }] of equal.entries)
    if (value.kind !== 'scalar') findings.error(value, [...path, claim], 'expected a text, a number, true or false')
}

function consumers(root: Node, findings: Findings): void {
  const ids = new Unique('key id', 'keys', 'id', findings)
  const hashes = new Unique('key', 'keys', 'hash', findings)
  const users = new Unique('user name', 'basic', 'username', findings)
  const signers = new Unique('key id', 'signatures', 'keyId', findings)
  const clients = new Unique('client', 'clients', 'id', findings)
  for (const [i, consumer] of itemsOf(child(root, 'consumers')).entries()) {
    for (const [j, key] of itemsOf(child(consumer, 'keys')).entries()) {
      ids.claim(child(key, 'id'), '', i, j)
      hashes.claim(child(key, 'hash'), '', i, j)
    }
    for (const [j, key] of itemsOf(child(consumer, 'signatures')).entries()) {
      signers.claim(child(key, 'keyId'), '', i, j)
      ownKey(key, ['consumers', i, 'signatures', j], findings)
    }
    for (const [j, user] of itemsOf(child(consumer, 'basic')).entries()) users.claim(child(user, 'username'), '', i, j)
    for (const [j, client] of itemsOf(child(consumer, 'clients')).entries()) {
      const issuer = textOf(child(client, 'issuer'))
      if (issuer !== undefined) clients.claim(child(client, 'id'), `${issuer} `, i, j)
    }
    for (const [j, token] of itemsOf(child(consumer, 'jwt')).entries())
      ownKey(token, ['consumers', i, 'jwt', j], findings)
  }
}

/** A value that would make two consumers of one credential. */
class Unique {
  readonly #taken = new Map<string, Node>()
  readonly #what: string
  readonly #list: string
  readonly #key: string
  readonly #findings: Findings

  constructor(what: string, list: string, key: string, findings: Findings) {
    this.#what = what
    this.#list = list
    this.#key = key
    this.#findings = findings
  }

  /** `node` is `consumers[i].list[j].key`; `within` parts equal values of different kinds. */
  claim(node: Node | undefined, within: string, i: number, j: number): void {
    const value = textOf(node)
    if (value === undefined || node?.kind !== 'scalar' || node.origin === 'placeholder') return
    const before = this.#taken.get(within + value)
    if (before === undefined) this.#taken.set(within + value, node)
    else {
      const first = whereOf(before.file, before.offset)
      const path = ['consumers', i, this.#list, j, this.#key]
      this.#findings.error(node, path, `this ${this.#what} is taken: see ${first}`)
    }
  }
}

/** What a consumer signs with: tokens or requests. */
function ownKey(token: Node, path: Path, findings: Findings): void {
  const algorithm = textOf(child(token, 'algorithm'))
  const secret = child(token, 'secret')
  const publicKey = child(token, 'publicKey')
  if (algorithm === undefined) return
  const hmac = algorithm.startsWith('HS') || algorithm.startsWith('hmac')
  if (hmac && publicKey)
    findings.error(publicKey, [...path, 'publicKey'], `${algorithm} is verified with a secret, not with a public key`)
  if (!hmac && secret)
    findings.error(secret, [...path, 'secret'], `${algorithm} is verified with a publicKey, not with a secret`)
  if (hmac && secret?.kind === 'scalar') hmacSecret(secret, algorithm, [...path, 'secret'], findings)
}

function hmacSecret(secret: ScalarNode, algorithm: string, path: Path, findings: Findings): void {
  const text = textOf(secret)
  if (text === undefined || secret.origin === 'placeholder') return
  const fault = secretFault(text, algorithm)
  if (fault !== null) findings.error(secret, path, fault)
  else if (secret.origin === 'written') findings.warn(secret, path, WRITTEN_SECRET)
}
