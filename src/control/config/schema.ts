/**
 * The configuration's one schema: the checker reads it (check.ts), the JSON Schema is written from it
 * (json-schema.ts), and the types of what a checked file holds are its static types. A name that is meant for what
 * isn't built yet stands in a mapping's `unsupported`, so that it is refused by name and never ignored.
 *
 * Values in a Config are as written: `5/min` and `10s` are still text (units.ts reads them), a document is still its
 * path; only references to secrets are resolved and included files are in their place.
 */
import type { Static } from 'typebox'
import {
  type Auth as AuthSchema,
  type External as ExternalSchema,
  type JwtAuth as JwtAuthSchema,
  type KeyAuth as KeyAuthSchema
} from './schema/auth.ts'
import { Cluster } from './schema/cluster.ts'
import { Consumer, Issuer, Revocation } from './schema/identity.ts'
import { type Limit as LimitSchema, type Tier as TierSchema } from './schema/limits.ts'
import { Client, Listener, Tls } from './schema/listeners.ts'
import {
  type IpPolicy as IpSchema,
  Policies,
  Profile,
  type RequestHeaders,
  type Rule as RuleSchema
} from './schema/policies.ts'
import { exactly, flag, listOf, mapping, maybe, type Shape, text, word } from './schema/shapes.ts'
import { type PolicyTest, Tests } from './schema/tests.ts'
import { type Ban as BanSchema, Threats } from './schema/threats.ts'
import {
  Defaults,
  type InlineUpstream as InlineUpstreamSchema,
  type Match as MatchSchema,
  type Respond as RespondSchema,
  type Route as RouteSchema,
  Service,
  Upstream
} from './schema/traffic.ts'
import type { Validate as ValidateSchema } from './schema/validate.ts'

const Log = mapping('What is written down.', {
  access: maybe(text('Access lines: stdout (default), stderr, none, or a path, reopened on SIGUSR1.', 'log-target')),
  level: maybe(word('Lowest level of the program’s own events. Default info.', ['debug', 'info', 'warn', 'error'])),
  redact: maybe(
    listOf(
      'Headers whose values never reach a log, besides authorization and cookie.',
      text('A header name.', 'header-name'),
      { uniqueBy: null }
    )
  )
})

const ConfigSchema = mapping(
  'A Gatehouse: who may call what, how much, and where it goes.',
  {
    version: exactly(1, 'Version of this format: 1.'),
    listen: listOf('Addresses clients connect to.', Listener, { uniqueBy: 'name' }),
    tls: maybe(Tls),
    client: maybe(Client),
    threats: maybe(Threats),
    policies: maybe(Policies),
    profiles: maybe(listOf('Named policies.', Profile, { uniqueBy: 'name' })),
    defaults: maybe(Defaults),
    services: listOf('What is behind the gateway.', Service, { uniqueBy: 'name' }),
    issuers: maybe(listOf('Identity providers.', Issuer, { uniqueBy: 'name' })),
    consumers: maybe(listOf('Callers known by name.', Consumer, { uniqueBy: 'name' })),
    revocations: maybe(listOf('Credentials that no longer hold.', Revocation, { uniqueBy: null })),
    upstreams: maybe(listOf('Servers that requests are forwarded to.', Upstream, { uniqueBy: 'name' })),
    log: maybe(Log),
    state: maybe(mapping('What outlives a restart.', { dir: maybe(text('Directory. Default var.', 'path')) })),
    admin: maybe(
      mapping('The admin API on an address; the control socket in state.dir is always there.', {
        address: text('IP address and port to bind. One that is not loopback needs tls.', 'address'),
        token: text('Bearer token of whoever may call: at least 16 characters.', 'text', { secret: true }),
        tls: maybe(flag('TLS with the certificates of tls.certificates. Default false.'))
      })
    ),
    tests: maybe(Tests),
    cluster: maybe(Cluster),
    metrics: maybe(
      mapping('Prometheus metrics on an address of their own.', {
        address: text('IP address and port to bind.', 'address')
      })
    )
  },
  {
    unsupported: {
      trace: 'Spans to an OpenTelemetry collector.'
    }
  }
)

/**
 * The root, as the checker and json-schema.ts read it. TypeBox types the very same object by its `~kind`s and not as
 * the JSON Schema it is, hence the cast.
 */
export const rootShape = ConfigSchema as unknown as Shape

export type Config = Static<typeof ConfigSchema>
export type ListenerConfig = Static<typeof Listener>
export type ClientConfig = Static<typeof Client>
export type PoliciesConfig = Static<typeof Policies>
export type IpConfig = Static<typeof IpSchema>
export type AuthConfig = Static<typeof AuthSchema>
export type JwtAuthConfig = Static<typeof JwtAuthSchema>
export type KeyAuthConfig = Static<typeof KeyAuthSchema>
export type ExternalConfig = Static<typeof ExternalSchema>
export type RuleConfig = Static<typeof RuleSchema>
export type ThreatsConfig = Static<typeof Threats>
export type BanConfig = Static<typeof BanSchema>
export type LimitConfig = Static<typeof LimitSchema>
export type TierConfig = Static<typeof TierSchema>
export type ValidateConfig = Static<typeof ValidateSchema>
export type HeaderOperationsConfig = Static<typeof RequestHeaders>
export type ProfileConfig = Static<typeof Profile>
export type ServiceConfig = Static<typeof Service>
export type RouteConfig = Static<typeof RouteSchema>
export type MatchConfig = Static<typeof MatchSchema>
export type RespondConfig = Static<typeof RespondSchema>
export type InlineUpstreamConfig = Static<typeof InlineUpstreamSchema>
export type IssuerConfig = Static<typeof Issuer>
export type ConsumerConfig = Static<typeof Consumer>
export type ClusterConfig = Static<typeof Cluster>
export type AdminConfig = NonNullable<Config['admin']>
export type RevocationConfig = Static<typeof Revocation>
export type LogConfig = Static<typeof Log>
export type PolicyTestConfig = Static<typeof PolicyTest>
