import { readFileSync } from 'node:fs'
import { ALGORITHMS } from '../identity/algorithms.ts'
import { CallerDirectory } from '../identity/directory.ts'
import type { SignatureVerifier } from '../identity/pool.ts'
import { importKey, verifySignature } from '../identity/signature.ts'
import { parseJws, parsePayload, signedParts } from '../identity/token.ts'
import type { TokenOutcome } from '../identity/verdict.ts'
import { TokenVerifier } from '../identity/verifier.ts'
import { lintKeySet, type LintedSet } from '../control/keys/key-set.ts'
import type { JwtAuthPlan } from '../plan/auth.ts'
import type { ConsumerPlan } from '../plan/consumer.ts'
import type { IssuerPlan } from '../plan/issuer.ts'
import type { VerificationKey } from '../plan/keys.ts'
import { CannotTell, CONFIG_OPTION, defineCommand, EXIT, JSON_OPTION, UsageError } from './command.ts'
import { openConfigFile } from './config-file.ts'
import { printFindings } from './findings.ts'
import { keysAtHand } from './issuer-keys.ts'
import { publicHalf, readKeyFile } from './key-file.ts'
import { paint, print, printJson } from './terminal.ts'

export const tokenVerify = defineCommand({
  usage: '[TOKEN] (--key FILE | [--config FILE] [--issuer NAME]) [options]',
  summary:
    'Verify a JSON Web Token as the gateway would: against a key, or against an issuer of a configuration with all that it asks of its tokens. Without TOKEN it is read from standard input.',
  options: {
    key: {
      type: 'string',
      short: 'k',
      value: 'FILE',
      meaning: 'A JWK, a key set or PEM. Then only signature, form and times are judged.'
    },
    config: CONFIG_OPTION,
    issuer: {
      type: 'string',
      value: 'NAME',
      meaning: "An issuer's name there. Default: the one that the token's iss names."
    },
    time: { type: 'string', value: 'TIME', meaning: 'When, in ISO 8601. Default now.' },
    json: JSON_OPTION
  },
  arguments: 1,
  notes: [
    'Exit code 0: good. 1: refused, and why. 3: the keys are not at hand. Keys that an issuer publishes under a url are not fetched: those that the running gateway keeps in state.dir are used.'
  ],
  examples: [
    ['gatehouse token verify --key issuer.jwk.json "$TOKEN"', 'By a key.'],
    ['gatehouse token verify --config gatehouse.yaml < token.txt', 'By the configuration.']
  ],
  run: async ({ key, config, issuer, time, json }, [argument]) => {
    const token = tokenOf(argument ?? readFileSync(0, 'utf8'))
    const now = time === undefined ? Date.now() : Date.parse(time)
    if (Number.isNaN(now)) throw new UsageError(`--time takes a time such as 2027-01-31T12:00:00Z, not "${time}"`)
    const { keys, plan, consumers } = key === undefined ? await fromConfig(token, config, issuer) : fromKey(token, key)
    if (!keys.ok) throw new CannotTell(keys.reason)
    const outcome = await judge(token, plan, consumers, keys.keys, now)
    const { header, claims } = partsOf(token)
    if (outcome.ok) {
      const { issuer: by, subject, consumer, groups, scopes, attributes } = outcome.caller
      const caller = key === undefined ? { caller: { issuer: by, subject, consumer, groups, scopes, attributes } } : {}
      if (json) printJson({ valid: true, header, claims, ...caller })
      else print(`${paint('green', 'good')}\n${JSON.stringify({ header, claims, ...caller }, null, 2)}`)
      return EXIT.yes
    }
    if (json) printJson({ valid: false, reason: outcome.reason, header, claims })
    else print(`${paint('red', 'refused')}: ${outcome.reason}`)
    return EXIT.no
  }
})

interface Source {
  plan: IssuerPlan
  consumers: ConsumerPlan[]
  keys: LintedSet
}

/** Nothing is known of the issuer: its own name and any audience are taken. */
function fromKey(token: string, file: string): Source {
  const { claims } = partsOf(token)
  let publics
  try {
    publics = publicHalf(readKeyFile(file))
  } catch (error) {
    throw new UsageError(`${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
  const plan: IssuerPlan = {
    name: 'key',
    issuer: typeof claims['iss'] === 'string' ? claims['iss'] : '',
    audiences: 'any',
    algorithms: [...ALGORITHMS.keys()],
    typ: null,
    required: [],
    equal: {},
    clockSkew: 0,
    maxAge: null,
    scopesClaim: [],
    groupsClaim: [],
    consumerClaim: null,
    attributes: {},
    jwks: { kind: 'inline', keys: publics },
    introspection: null,
    where: ''
  }
  return { plan, consumers: [], keys: lintKeySet(plan.name, publics, plan.algorithms) }
}

async function fromConfig(token: string, config: string | undefined, name: string | undefined): Promise<Source> {
  const found = await openConfigFile(undefined, config)
  const { readPlan } = await import('./plan-file.ts')
  const { plan, findings, stateDir } = readPlan(found, { secrets: true })
  if (plan === null) {
    printFindings(findings)
    throw new CannotTell(`${found.name} has errors, so nothing can be said of a token`)
  }
  const { iss } = partsOf(token).claims
  const issuer = plan.issuers.find((one) => (name === undefined ? one.issuer === iss : one.name === name))
  if (!issuer) {
    if (name !== undefined) throw new UsageError(`${found.name} has no issuer "${name}"`)
    throw new CannotTell(`no issuer of ${found.name} is called ${JSON.stringify(iss)}`)
  }
  return { plan: issuer, consumers: plan.consumers, keys: await keysAtHand(issuer, stateDir) }
}

/** Signatures are checked here and now: one token needs no threads. */
const SIGNATURES: SignatureVerifier = {
  verify: async ({ alg, token, keys }) => {
    const { input, signature } = signedParts(token)
    return keys.find((key) => verifySignature(alg, importKey(key), input, signature)) ?? null
  },
  close: async () => {}
}

async function judge(
  token: string,
  plan: IssuerPlan,
  consumers: ConsumerPlan[],
  keys: VerificationKey[],
  now: number
): Promise<TokenOutcome> {
  const verifier = new TokenVerifier({
    signatures: SIGNATURES,
    cacheBytes: 1 << 20,
    queue: 1,
    perClient: 1,
    onUnknownKid: () => {},
    clock: () => now
  })
  const directory = new CallerDirectory()
  directory.add(consumers)
  verifier.configure(1, [plan], directory)
  verifier.setKeys({ issuer: plan.name, version: 1, keys, fetchedAt: now })
  const accept: JwtAuthPlan = {
    issuers: [plan.name],
    consumers: false,
    opaque: null,
    audiences: null,
    expiry: 'required',
    bound: 'if-present',
    header: [],
    cookie: [],
    query: []
  }
  return verifier.verify(token, accept, '', now)
}

function tokenOf(text: string): string {
  const token = text.trim().replace(/^bearer /i, '')
  if (token === '') throw new UsageError('no token was given')
  return token
}

/** What the token says of itself; {} for what can't be read. */
function partsOf(token: string): { header: Record<string, unknown>; claims: Readonly<Record<string, unknown>> } {
  const jws = parseJws(token)
  if (!jws.ok) return { header: {}, claims: {} }
  const payload = parsePayload(jws)
  const { alg, kid, typ } = jws
  return { header: { alg, kid, typ }, claims: payload.ok ? payload.claims : {} }
}
