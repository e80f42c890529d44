/** What holds between keys of issuers and consumers: whose a token, a key, a user name is, must have one answer. */
import type { Findings } from './findings.ts'
import { child, itemsOf, type Node, type ScalarNode, textOf, whereOf } from './nodes.ts'
import type { Path } from './result.ts'
import { secretFault, WRITTEN_SECRET } from './secrets.ts'

/** Tokens are told apart by iss alone. */
export function issuerRules(root: Node, findings: Findings): void {
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

export function consumerRules(root: Node, findings: Findings): void {
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
