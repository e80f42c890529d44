/**
 * The contract between the control thread, which writes it, and the workers, which read it: one compiled
 * generation of the configuration. Everything here is plain data that survives `postMessage` (no functions, no
 * class instances), already checked, merged over its levels and with every unit converted. Nobody changes a plan
 * after it was compiled; a new configuration is a new plan.
 *
 * Units: times are milliseconds, sizes are bytes, names are as written in the configuration.
 */

import type { JsonBounds } from './json.ts'

/** Where something is written: `file:line:col`, the file as the owner named it. For logs and `explain` only. */
export type Where = string

/** Whether a refusal refuses (`enforce`) or is only counted and logged as "would have denied" (`shadow`). */
export type Mode = 'enforce' | 'shadow'

/** A generation of the configuration. `routes`, `consumers` and `revocations` travel in parts, see messages.ts. */
export interface Plan extends PlanHead {
  routes: RoutePlan[]
  consumers: ConsumerPlan[]
  /** Those of the configuration; those made at run time travel beside the generations. */
  revocations: RevocationPlan[]
}

/** All of a plan but its long lists. */
export interface PlanHead {
  /** Counts up from 1 over the life of one gateway process. */
  generation: number
  /** SHA-256 (hex) over the configuration as resolved, secrets included in hashed form only. Equal: nothing changed. */
  digest: string
  listeners: ListenerPlan[]
  /** Used by every TLS listener. The first answers clients that send no server name. */
  certificates: CertificatePlan[]
  /** `policies.ip` of the gateway's level: the outer wall, judged before routing, dropped by no level. */
  gatewayIp: IpPlan[]
  threats: ThreatsPlan
  /** Whose decisions are bans too; null: nobody's. */
  crowdsec: CrowdsecPlan | null
  issuers: IssuerPlan[]
  upstreams: UpstreamPlan[]
  log: LogPlan
  /** Address of the Prometheus exposition; null: on the control socket only. */
  metrics: { host: string; port: number } | null
  /** The admin API on an address; null: on the control socket only. */
  admin: AdminPlan | null
  /** Names of headers whose values never reach a log, lower-case; `authorization` and `cookie` always among them. */
  redact: string[]
  /** Compiled schemas: texts that policy/validation/validator.ts makes functions of. Routes share them by position. */
  schemas: string[]
  /** Documents that routes name by position. */
  openapi: OpenApiPlan[]
  /** How this host speaks with the others it is one with; null: it is alone. */
  cluster: ClusterPlan | null
}

/** The store that several hosts share. Holds secrets: as HMAC keys do, they stay within the process and its state. */
export interface ClusterPlan {
  /** `sentinel`: the addresses are those of sentinels, which know who the master called `master` is. */
  kind: 'single' | 'sentinel' | 'cluster'
  addresses: { host: string; port: number }[]
  /** Only for `sentinel`; else ''. */
  master: string
  /** null: not encrypted. `ca`: PEM, null for the system's authorities; `serverName`: null for the address. */
  tls: { ca: string | null; serverName: string | null } | null
  /** '' for none. */
  username: string
  password: string
  sentinelPassword: string
  database: number
  /** Before every key in the store. */
  prefix: string
  /** Of what keys are hashed with; '': the store keeps one that the first host made. */
  secret: string
  /** ms between two exchanges. */
  interval: number
  /** Longest that a request waits for a strict limit's answer, ms. */
  timeout: number
  where: Where
}

/** How a limit counts over several hosts. */
export interface ClusterLimitPlan {
  /** Asks the store about every request, and not this host's own share. */
  strict: boolean
  /** What holds while the store is away: this host's own count, everything, nothing. */
  onFailure: 'local' | 'open' | 'closed'
}

export interface AdminPlan {
  host: string
  /** 0: any free port (tests). */
  port: number
  tls: boolean
  /** SHA-256 of the token, 64 lower-case hex digits. */
  tokenHash: string
}

export interface ListenerPlan {
  name: string
  /** Address to bind, without brackets for IPv6. */
  host: string
  /** 0: any free port (tests). */
  port: number
  tls: boolean
  /** TLS only. */
  minVersion: 'TLSv1.2'
  /** Whether clients are asked for certificates, and whether they must have one; null: not asked. TLS only. */
  clientCertificates: ClientCertificatesPlan | null
  /** Answer everything with 308 to this https port; null: serve. 0 means the bound port of the first TLS listener. */
  redirect: { port: number } | null
  /** Path that answers 200 while ready and 503 while not, before bans and routes; null: none. */
  ready: string | null
  client: ClientPlan
}

export interface ClientCertificatesPlan {
  /** Private copy of the authorities whose certificates are taken; its name is a hash of its content. */
  caFile: string
  /** Refuse every request of a client that shows none. */
  required: boolean
  where: Where
}

/** How the client's address is found on a listener. */
export interface ClientPlan {
  addressFrom:
    | { kind: 'connection' | 'x-forwarded-for' | 'forwarded' | 'proxy-protocol' }
    | { kind: 'header'; name: string }
  /** CIDR blocks whose word on the client's address, request id and trace is taken. */
  trustedProxies: string[]
  /** Leading bits of an IPv6 address that count as one client, 1-128. */
  ipv6Prefix: number
  /** Whether request bodies without a length are taken; `refuse` answers 411. */
  chunked: 'accept' | 'refuse'
  /** Absent: a client may open as many as it likes. */
  connections?: ConnectionsPlan
}

/** What one client may have of connections. One of the two amounts is there, or both. */
export interface ConnectionsPlan {
  /** Place it is written at, a part of its keys: listeners that inherit one share its counts. */
  level: string
  /** Open at once; null: any number. */
  max: number | null
  /** Opened in `period` ms, `count` at once; null: any number. */
  rate: { count: number; period: number } | null
  where: string
}

/** What bans, and who never is. */
export interface ThreatsPlan {
  /** `shadow`: no ban and no honeypot refuses, whatever it says itself. */
  mode: Mode
  scenarios: ScenarioPlan[]
  honeypots: HoneypotPlan[]
  /** CIDR blocks that are never banned; the listeners' trusted proxies among them. */
  never: string[]
  /** `nftables`: bans of addresses and networks go into the kernel too. */
  blockAt: 'gateway' | 'nftables'
}

/** A CrowdSec whose bouncer the gateway is. */
export interface CrowdsecPlan {
  /** Of its local API, without a final `/`. */
  url: string
  /** Of the bouncer: a secret. */
  key: string
  /** Between two questions, ms. */
  interval: number
}

/** A leaky bucket per key over what requests came to. */
export interface ScenarioPlan {
  name: string
  count: EventPlan
  /** What is counted, and banned, apart. `account`: whom a bad credential claims to be; the address is banned. */
  by: KeyPart[] | 'account'
  /** More than `count` events in `period` ms ban: a bucket of `count` that leaks as fast. */
  rate: { count: number; period: number }
  /** ms of the first ban; each further one is `escalate` times as long, up to `max`. */
  ban: BanTimes
  mode: Mode
  /** '' for a built-in one. */
  where: Where
}

export interface BanTimes {
  time: number
  /** At least 1. */
  escalate: number
  max: number
}

/** Which requests are events. All that is said must hold. */
export interface EventPlan {
  /** As answered; null: any. */
  statuses: number[] | null
  /** Policies of which one refused; null: whoever, or nobody, did. */
  policies: string[] | null
  /** Events of one value within the period count once; null: each counts. */
  distinct: 'path' | 'credential' | 'object' | 'ip' | null
  callers: 'any' | 'identified' | 'unidentified'
}

/** Paths that nobody has a reason to ask for. */
export interface HoneypotPlan {
  /** In normal form, without a final `/`. */
  paths: string[]
  /** Lower-case; null: on any host. */
  hosts: string[] | null
  ban: BanTimes
  /** '' for the built-in list. */
  where: Where
}

export interface CertificatePlan {
  /** Server names answered with it, lower-case, `*.x` for one label. */
  hosts: string[]
  /** Private copies (0600, under state.dir/tls) of exactly the bytes that were checked: uWS reads files, and the owner's may change between check and use. */
  certFile: string
  keyFile: string
  /** Host names and IP addresses it covers: `hosts` and its subject alternative names; a Host outside is 421. */
  covers: string[]
  /** SHA-256 of the leaf, lower-case hex. Same fingerprint and hosts: same app. */
  fingerprint: string
  /** End of validity, ms since the epoch. */
  notAfter: number
  where: Where
}

export interface IssuerPlan {
  name: string
  /** Exact value of `iss`. */
  issuer: string
  audiences: string[] | 'any'
  /** Accepted `alg` values. */
  algorithms: string[]
  /** Required `typ` header (compared as RFC 8725 says: case-insensitive, `application/` optional), or null. */
  typ: string | null
  /** Claims that must be present, besides exp. */
  required: string[]
  /** Claims that must equal a value. */
  equal: Record<string, string | number | boolean>
  /** ms of tolerance on exp, nbf, iat. */
  clockSkew: number
  /** Oldest `iat` accepted, ms; null: no limit. */
  maxAge: number | null
  /** Claim names (literal, or a JSON Pointer with a leading `/`). Empty: grants none. */
  scopesClaim: string[]
  groupsClaim: string[]
  consumerClaim: string | null
  /** caller attribute name → claim name. */
  attributes: Record<string, string>
  jwks: JwksPlan
  /** How its tokens that are no JWTs are asked about; null: they aren't taken. */
  introspection: IntrospectionPlan | null
  where: Where
}

/** An RFC 7662 endpoint. */
export interface IntrospectionPlan {
  /** As written, for logs. */
  url: string
  /** Position in PlanHead.upstreams of the connections to it. */
  upstream: number
  /** `Host` and origin-form path of the question. */
  host: string
  path: string
  /** Value of `Authorization`: a secret. */
  authorization: string
  /** How long an answer holds at most, ms; 0: each use asks. */
  cache: number
}

/** Where an issuer's keys come from. Only the control thread reads it; workers get keys by message. */
export type JwksPlan =
  | { kind: 'url'; url: string }
  /** Where the issuer's discovery document may be, the likelier first; it says where the keys are. */
  | { kind: 'discovery'; urls: string[] }
  | { kind: 'file'; path: string }
  | { kind: 'inline'; keys: Record<string, unknown>[] }

/** One key that a token may be verified with, as workers and pool threads hold it. */
export interface VerificationKey {
  /** Unique over all issuers and key generations; names the key in caches. */
  id: string
  kid: string | null
  /** The `alg` values this key may verify, already narrowed to what its type, its own `alg` and the issuer allow. */
  algorithms: string[]
  /** SPKI DER of a public key, or the raw bytes of an HMAC secret. */
  material: Uint8Array
  secret: boolean
}

/** The keys of one issuer at one moment. A new set replaces the old one whole. */
export interface KeySet {
  /** An issuer's name of the configuration. */
  issuer: string
  /** Counts up with every change of this issuer's keys; cached verdicts of another version are void. */
  version: number
  keys: VerificationKey[]
  /** When the set was fetched, ms since the epoch. */
  fetchedAt: number
}

/** Whose credentials no longer hold. All it names must be so; it names something besides the issuer. */
export interface RevocationPlan {
  /** Made of what it names, so the same said twice has one: names it in logs and commands. */
  id: string
  /** The issuer's name in the configuration; null: any, or none. */
  issuer: string | null
  jti: string | null
  subject: string | null
  consumer: string | null
  /** Of the key that verified the token. */
  kid: string | null
  /** ms since the epoch: tokens with an earlier `iat`, or without one. */
  issuedBefore: number | null
  /** ms since the epoch: from then on it says nothing. */
  until: number
  /** For the owner; '' for none. */
  reason: string
  /** Its line in the configuration, or `control socket`. */
  where: Where
}

export interface ConsumerPlan {
  name: string
  groups: string[]
  scopes: string[]
  attributes: Record<string, unknown>
  /** Attached to tokens of these issuers with this consumer claim value. Empty: attached by its name. */
  clients: { issuer: string; id: string }[]
  keys: ApiKeyPlan[]
  jwt: ConsumerTokenPlan[]
  basic: PasswordPlan[]
  certificates: CertificateNamePlan[]
  signatures: SigningKeyPlan[]
  where: Where
}

export interface ApiKeyPlan {
  /** Names the key in logs and headers (`X-Credential`). */
  id: string
  /** SHA-256 of the whole key as sent, 64 lower-case hex digits. */
  hash: string
  /** ms since the epoch from which it no longer holds, or null. */
  expires: number | null
  /** Narrower than the consumer's, or null for all of the consumer's. */
  scopes: string[] | null
  /** Nobody has a reason to use it: whoever does is banned. */
  canary: boolean
  where: Where
}

/** Tokens that a consumer signs itself, found by `iss`. */
export interface ConsumerTokenPlan {
  issuer: string
  key: VerificationKey
  where: Where
}

/** A password as it is kept: scrypt (RFC 7914) of it. Parameters are within the bounds that load checks. */
export interface PasswordPlan {
  username: string
  /** `scrypt:…` as written; see identity/password.ts. */
  hash: string
  where: Where
}

/** A client certificate of the consumer's, by one of its alternative names or by itself. */
export interface CertificateNamePlan {
  /** As ClientCertificate has them: `DNS:client.example`, `sha256:` and 64 hex digits. */
  name: string
  where: Where
}

/** What a consumer signs requests with (RFC 9421), found by `keyid`. */
export interface SigningKeyPlan {
  keyId: string
  /** Of the HTTP Signature Algorithms registry. */
  algorithm: SigningAlgorithm
  /** Its `algorithms` hold the one JWS name of the same cryptography. */
  key: VerificationKey
  where: Where
}

export type SigningAlgorithm = 'ed25519' | 'hmac-sha256' | 'ecdsa-p256-sha256' | 'rsa-pss-sha512' | 'rsa-v1_5-sha256'

export interface UpstreamPlan {
  /** A name of the configuration, or `service:<name>` for one written inside a service. */
  name: string
  targets: TargetPlan[]
  timeouts: { connect: number; response: number; idle: number }
  /** `pipelining`: requests that may be under way on one connection, 1-64; above 1 trusts the upstream's framing. */
  connections: { max: number; pipelining: number }
  where: Where
}

export interface TargetPlan {
  /** `http://host:port`, without a path. */
  origin: string
  tls: boolean
  host: string
  port: number
}

export interface RoutePlan {
  /** Position in Plan.routes. */
  index: number
  /** `service.route` */
  name: string
  service: string
  labels: Record<string, string>
  match: MatchPlan
  action: ForwardPlan | RespondPlan
  /** Service and route levels, outermost first (the gateway's are in PlanHead.gatewayIp). All must allow. */
  ip: IpPlan[]
  auth: AuthPlan
  /** Outermost first; all must admit. Absent: no service is asked. */
  external?: ExternalPlan[]
  /** Outermost first; all must hold. */
  authorize: RulePlan[]
  /** Outermost first; all must admit. */
  limits: LimitPlan[]
  /** What is enforced; `mode` is always `enforce`. */
  validate: ValidatePlan
  /** What levels in shadow would refuse besides; judged, counted and logged only. Absent: nothing. */
  validateShadow?: ValidatePlan
  cors: CorsPlan | null
  identity: IdentityPlan
  headers: HeadersPlan
  /** request: first byte in to the answer's head. idle: longest silence either way after that. */
  timeouts: { request: number; idle: number }
  where: Where
}

/** What the upstream is told of the caller. */
export interface IdentityPlan {
  headers: boolean
  credentials: 'strip' | 'forward'
  /** A token of the gateway's own, as `Authorization: Bearer`. Absent: none. */
  token?: TokenPlan
}

export type TokenAlgorithm = 'EdDSA' | 'ES256'

export interface TokenPlan {
  audience: string
  /** ms, whole seconds. */
  ttl: number
  algorithm: TokenAlgorithm
  /** Attributes of the caller that it carries. */
  attributes: string[]
  /** For one method and path only. */
  bind: boolean
}

export interface MatchPlan {
  /** Lower-case; a first label `*` or `{name}` takes any one label, `{name}` keeps it as `host.name`; empty: any host. */
  hosts: string[]
  /** Upper-case; null: all but CONNECT and TRACE. GET includes HEAD (already added). */
  methods: string[] | null
  /** Normalised patterns (path.ts): `/a/b`, `/a/{x}`, `/a/*`. */
  paths: string[]
  /** All must equal; names lower-case. */
  headers: { name: string; value: string }[]
  /** Listener names, or null for all that serve. */
  listeners: string[] | null
}

export interface ForwardPlan {
  kind: 'forward'
  /** Position in PlanHead.upstreams. */
  upstream: number
  /** Path prefix of the service's url (`/base`), put before the forwarded path; '' for none. */
  basePath: string
  stripPrefix: string | null
  /** Pieces: literal text, `{x}` as `path:x`, `{*}` as `rest`. null: the path as it came. */
  rewrite: Template | null
  host: 'upstream' | 'preserve'
}

export interface RespondPlan {
  kind: 'respond'
  status: number
  headers: { name: string; value: Template }[]
  body: Template | null
}

export interface IpPlan {
  /** CIDR blocks; null: everyone. */
  allow: string[] | null
  deny: string[]
  mode: Mode
  level: Level
  where: Where
}

export interface AuthPlan {
  /** True: nobody is asked. Then the rest says nothing. */
  public: boolean
  jwt: JwtAuthPlan | null
  key: Places | null
  basic: boolean
  certificate: boolean
  signature: boolean
  require: 'any' | 'all'
  /** Consumer that a request without any credential becomes; null: 401. */
  anonymous: string | null
  mode: Mode
  where: Where
}

export interface JwtAuthPlan extends Places {
  /** Issuer names. */
  issuers: string[]
  /** Whether tokens that consumers sign themselves are taken. */
  consumers: boolean
  /** Which of the issuers is asked about tokens that are no JWTs; null: such a token is refused. */
  opaque: string | null
  /** Replaces the issuer's audiences when not null. */
  audiences: string[] | 'any' | null
  expiry: 'required' | 'optional'
  /** Whether a token must be bound to a key or certificate of its holder's. One that is bound must prove it either way. */
  bound: 'if-present' | 'required'
}

/** Where a credential is looked for; names lower-case (header), as written (cookie, query). */
export interface Places {
  header: string[]
  cookie: string[]
  query: string[]
}

/** A service that is asked about each request. */
export interface ExternalPlan {
  /** As written: names it in logs. */
  url: string
  /** Position in PlanHead.upstreams of its connections. */
  upstream: number
  /** Origin-form path of the question. */
  path: string
  /** Fields of the request that it is told; lower-case. */
  headers: string[]
  /** Fields of its answer that the upstream gets, and that no client may send; lower-case. */
  copyBack: string[]
  /** How long a decision holds for equal questions, ms; null: every request is asked about. */
  cache: number | null
  /** ms. */
  timeout: number
  /** What holds when it gives no decision. */
  onFailure: 'closed' | 'open'
  mode: Mode
  level: Level
  where: Where
}

export interface RulePlan {
  /** null: not named. */
  name: string | null
  /** Any of them; null: not asked. */
  groups: string[] | null
  /** All of them; null: not asked. */
  scopes: string[] | null
  /** CEL source, type-checked at load; null: not asked. */
  when: string | null
  /** Names usable as `path.x` and `host.x` of the route this rule guards. */
  pathNames: string[]
  /** For the owner's log, never for the caller. */
  reason: string | null
  mode: Mode
  /** Judged after `validate`, which has read the body by then. */
  readsBody?: true
  level: Level
  where: Where
}

/** The level a policy was written at: `gateway`, `profile:<name>`, `service:<name>` or `route:<service>.<route>`. */
export type Level = string

export interface LimitPlan {
  name: string
  /** Where it counts. Two routes that inherit one limit share its buckets; `level` and `name` are part of every key. */
  level: Level
  by: KeyPart[]
  amount: AmountPlan
  /** Absent: one unit a request. */
  cost?: CostPlan
  /** The first that fits a caller replaces `amount`. Absent: none. */
  tiers?: TierPlan[]
  /** Absent: each host counts for itself. */
  cluster?: ClusterLimitPlan
  /** False: judged before any cryptography, from the connection and the request alone. */
  needsCaller: boolean
  mode: Mode
  where: Where
}

/**
 * How much: `count` units per `period` ms, in a bucket of `burst` or in a sliding window, or per calendar day or month
 * in UTC; or `max` requests at once.
 */
export type AmountPlan =
  | { kind: 'rate'; count: number; period: number; burst: number }
  | { kind: 'sliding'; count: number; period: number }
  | { kind: 'quota'; count: number; per: 'day' | 'month' }
  /** `bytes` of bodies per `period` ms, both directions together. */
  | { kind: 'bandwidth'; bytes: number; period: number }
  /** `queue`: how many may wait for one of them to end. Absent: none. */
  | { kind: 'concurrent'; max: number; queue?: number }

/** What one request counts. */
export interface CostPlan {
  /** Units; where the answer tells, those of an answer that doesn't. */
  units: number
  /** Header of the upstream's answer (lower-case) that tells the units, `max` at most; null: all cost the same. */
  response: { header: string; max: number } | null
}

/** Another amount, of the same kind, for callers for whom `rule` holds; null: not limited by this one. */
export interface TierPlan {
  rule: RulePlan
  amount: AmountPlan | null
}

/** One of `by`'s words. Those with a name: header cookie query path host claim attribute. */
export type KeyPart =
  | { kind: 'ip' | 'caller' | 'consumer' | 'credential' | 'route' | 'service' | 'host' | 'path' | 'all' }
  | { kind: 'header' | 'cookie' | 'query' | 'path-name' | 'host-name' | 'claim' | 'attribute'; name: string }

/** Text with values in it: a string is literal; a KeyPart is looked up; `rest` is what `/*` took. */
export type Template = (string | KeyPart | { kind: 'rest' })[]

export interface ValidatePlan {
  /** Bytes; the default is 10 MiB. */
  maxSize: number
  /** Lower-case media types without parameters; null: any. Asked only of requests with a body. */
  contentTypes: string[] | null
  /** Bounds of JSON bodies. Present whenever something is asked of what a body holds: then it is held and read. */
  json?: JsonBounds
  /** Of a JSON body. */
  body?: SchemaPlan
  query?: ParametersPlan
  /** Of what the route's `{x}` took. */
  path?: ParametersPlan
  /** Position in PlanHead.openapi. */
  openapi?: { document: number; where: Where }
  mode: Mode
  where: Where | null
}

/** One compiled schema. */
export interface SchemaPlan {
  /** Position in PlanHead.schemas, and the export there. */
  module: number
  name: string
  where: Where
}

/** Requests that an OpenAPI document knows. */
export interface OpenApiPlan {
  /** Position in PlanHead.schemas. */
  module: number
  /** Prefixes that may stand before its paths; '' among them. */
  bases: string[]
  operations: OperationPlan[]
}

export interface OperationPlan {
  /** Upper-case. */
  method: string
  /** Of its path; `{x}` stands for any one. */
  segments: string[]
  parameters: ParameterPlan[]
  /** Export that judges all parameters, by place and name; null: there are none. */
  check: string | null
  /** null: it has none. `content`: by media type, lower-case, ranges too, the export that judges it; null: any. */
  body: { required: boolean; content: Record<string, string | null> } | null
  where: Where
}

export interface ParameterPlan {
  name: string
  in: 'path' | 'query' | 'header' | 'cookie'
  type: ParameterType
  /** A list is sent one by one, and not in one text with commas. */
  explode: boolean
}

/** A schema of an object of parameters, which are texts on the wire. */
export interface ParametersPlan extends SchemaPlan {
  /** Those that are something else to the schema. */
  types: Record<string, ParameterType>
}

/** What a parameter's text may stand for besides itself; in a list, each of its items. */
export interface ParameterType {
  list: boolean
  number: boolean
  boolean: boolean
}

export interface CorsPlan {
  /** Exact origins, `https://*.x` for one label, or `*`. */
  origins: string[]
  methods: string[]
  /** Lower-case. */
  headers: string[]
  expose: string[]
  credentials: boolean
  /** Seconds. */
  maxAge: number | null
  where: Where
}

export interface HeadersPlan {
  /** nosniff, frame denial, referrer, HSTS on TLS and the like on every answer that lacks them. */
  security: boolean
  request: HeaderOperations
  response: HeaderOperations
}

/** Carried out in this order. Names lower-case. */
export interface HeaderOperations {
  remove: string[]
  rename: { from: string; to: string }[]
  set: { name: string; value: Template }[]
  default: { name: string; value: Template }[]
  append: { name: string; value: Template }[]
}

export interface LogPlan {
  /** Where access lines go; a path is reopened on SIGUSR1. */
  access: { kind: 'stdout' | 'stderr' | 'none' } | { kind: 'file'; path: string }
  level: 'debug' | 'info' | 'warn' | 'error'
}
