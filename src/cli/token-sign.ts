import { createPrivateKey } from 'node:crypto'
import type { Jwk } from '../identity/jose.ts'
import { defineCommand, EXIT, JSON_OPTION, UsageError } from './command.ts'
import { readKeyFile, type KeyText } from './key-file.ts'
import { print, printJson } from './terminal.ts'

export const tokenSign = defineCommand({
  usage: '--key FILE [options]',
  summary:
    'Sign a JSON Web Token with a private key in a JWK or PEM file: for tests, and for machines that sign their own.',
  options: {
    key: { type: 'string', short: 'k', value: 'FILE', meaning: 'Private key: a JWK, or PEM.' },
    alg: { type: 'string', value: 'ALG', meaning: 'Default: what the key says, or what its type usually signs with.' },
    kid: { type: 'string', value: 'ID', meaning: "Default: the JWK's own." },
    typ: { type: 'string', value: 'TYPE', meaning: 'Such as at+jwt. Default JWT.' },
    issuer: { type: 'string', value: 'ISS', meaning: 'The claim iss.' },
    subject: { type: 'string', value: 'SUB', meaning: 'The claim sub.' },
    audience: { type: 'string', multiple: true, value: 'AUD', meaning: 'The claim aud.' },
    expires: { type: 'string', value: 'TIME', meaning: 'From now: 90s, 10m, 8h, 7d; none: no exp. Default 10m.' },
    claim: {
      type: 'string',
      multiple: true,
      value: 'NAME=VALUE',
      meaning: 'A claim; the value is JSON, or else a text.'
    },
    claims: { type: 'string', value: 'JSON', meaning: 'Claims as one object; the options above add to it.' },
    json: JSON_OPTION
  },
  arguments: 0,
  examples: [
    [
      'gatehouse token sign --key issuer.jwk.json --issuer https://idp.example --audience api --subject u1 --claim scope="orders:read"',
      'A token for ten minutes.'
    ],
    [
      'TOKEN=$(gatehouse token sign --key k.pem --issuer me --audience api)',
      'For scripts: nothing but the token is printed.'
    ]
  ],
  run: async ({ key, alg, kid, typ, issuer, subject, audience, expires, claim, claims: object, json }) => {
    if (key === undefined) throw new UsageError('--key is needed')
    const { signer, jwk, algorithm } = signerOf(readKeyFile(key), alg, key)
    const now = Math.floor(Date.now() / 1000)
    const life = expires === 'none' ? null : secondsOf(expires ?? '10m')
    const claims: Record<string, unknown> = {
      iat: now,
      ...(life === null ? {} : { exp: now + life }),
      ...(object === undefined ? {} : objectOf(object)),
      ...(issuer === undefined ? {} : { iss: issuer }),
      ...(subject === undefined ? {} : { sub: subject }),
      ...(audience === undefined ? {} : { aud: audience.length === 1 ? audience[0] : audience }),
      ...Object.fromEntries((claim ?? []).map(claimOf))
    }
    const own = typeof jwk?.['kid'] === 'string' ? jwk['kid'] : undefined
    const id = kid ?? own
    const header = { alg: algorithm, ...(id === undefined ? {} : { kid: id }), typ: typ ?? 'JWT' }
    const { signToken } = await import('../identity/jose.ts')
    const token = await signToken(claims, header, signer).catch((error: unknown) => {
      throw new UsageError(error instanceof Error ? error.message : String(error))
    })
    if (json) printJson({ token, header, claims })
    else print(token)
    return EXIT.yes
  }
})

function signerOf(
  key: KeyText,
  alg: string | undefined,
  name: string
): { signer: string | Jwk; jwk: Jwk | null; algorithm: string } {
  if (key.kind === 'pem') {
    let jwk: Jwk
    try {
      jwk = { ...createPrivateKey(key.pem).export({ format: 'jwk' }) }
    } catch (error) {
      throw new UsageError(
        `${name} holds no private key that can be used: ${error instanceof Error ? error.message : String(error)}`
      )
    }
    return { signer: key.pem, jwk: null, algorithm: alg ?? usualAlgorithm(jwk, name) }
  }
  const [jwk] = key.keys
  if (jwk === undefined || key.keys.length > 1)
    throw new UsageError(`${name} holds ${key.keys.length} keys; one is needed to sign with`)
  if (jwk['kty'] !== 'oct' && jwk['d'] === undefined)
    throw new UsageError(`${name} holds a public key; its private half is needed to sign`)
  const own = typeof jwk['alg'] === 'string' ? jwk['alg'] : undefined
  return { signer: jwk, jwk, algorithm: alg ?? own ?? usualAlgorithm(jwk, name) }
}

const USUAL: Readonly<Record<string, string>> = {
  RSA: 'RS256',
  'EC P-256': 'ES256',
  'EC P-384': 'ES384',
  'EC P-521': 'ES512',
  'OKP Ed25519': 'EdDSA',
  oct: 'HS256'
}

function usualAlgorithm({ kty, crv }: Jwk, name: string): string {
  const kind = [kty, crv].filter((part) => typeof part === 'string').join(' ')
  const algorithm = USUAL[kind]
  if (algorithm === undefined)
    throw new UsageError(`${name} is a key of type ${kind || 'unknown'}: name the algorithm with --alg`)
  return algorithm
}

function secondsOf(text: string): number {
  const match = /^(\d{1,9})([smhd])$/.exec(text)
  if (!match) throw new UsageError(`--expires takes a time such as 90s, 10m, 8h, 7d, or none; not "${text}"`)
  return Number(match[1]) * ({ s: 1, m: 60, h: 3600, d: 86_400 }[match[2] ?? ''] ?? 1)
}

function objectOf(text: string): Record<string, unknown> {
  const value = jsonOr(text, null)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UsageError(`--claims takes a JSON object such as '{"sub":"u1"}'`)
  }
  return { ...value }
}

function claimOf(text: string): [string, unknown] {
  const equals = text.indexOf('=')
  if (equals < 1) throw new UsageError(`--claim takes NAME=VALUE, not "${text}"`)
  const value = text.slice(equals + 1)
  return [text.slice(0, equals), jsonOr(value, value)]
}

function jsonOr(text: string, otherwise: unknown): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return otherwise
  }
}
