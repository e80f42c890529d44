/** Who callers can be: issuers of tokens, and consumers. */
import {
  anything,
  define,
  either,
  exactly,
  flag,
  listOf,
  mapOf,
  mapping,
  maybe,
  nameOf,
  oneOrMore,
  text,
  word,
  valueOf
} from './shapes.ts'

const HMAC = ['HS256', 'HS384', 'HS512'] as const
const ASYMMETRIC = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519'
] as const

/** JWS algorithms a configuration may name. */
export const ALGORITHMS = [...ASYMMETRIC, ...HMAC] as const

const claim = text('A claim’s name, literal, or a JSON Pointer with a leading /.', 'claim')
const jwk = mapOf('A JSON Web Key.', anything('A member of the key.'), 'text')

export const Issuer = define(
  'issuer',
  mapping('An identity provider.', {
    name: text('What auth and X-Issuer call it.', 'name'),
    issuer: text('The exact value of iss.'),
    jwks: maybe(
      either(
        'Where its keys are: a url (https, or http on loopback), a path, { file: keys.json } or { keys: [ … ] }. Default: OpenID Connect discovery from issuer.',
        text('A url or a path.', 'jwks'),
        mapping(
          'A file or the keys themselves.',
          {
            file: maybe(text('Path of a JSON Web Key Set.', 'path')),
            keys: maybe(listOf('JSON Web Keys.', jwk))
          },
          { exactlyOne: ['file', 'keys'], ownFile: true }
        )
      )
    ),
    audiences: either(
      'Any one of them must be in aud; the word any switches the check off.',
      listOf('Audiences.', text('An audience.'), { uniqueBy: null }),
      exactly('any')
    ),
    algorithms: maybe(
      listOf(
        'Default: every asymmetric one the key allows; HMAC only where listed.',
        word('A JWS algorithm.', ALGORITHMS),
        { uniqueBy: null }
      )
    ),
    typ: maybe(text('Required typ header, such as at+jwt.')),
    required: maybe(
      listOf('Claims that must be there, besides exp.', text('A claim’s name.', 'claim'), { uniqueBy: null })
    ),
    equal: maybe(
      mapOf(
        'Claims that must equal a value.',
        valueOf<string | number | boolean>('A text, a number, true or false.'),
        'claim',
        1
      )
    ),
    clockSkew: maybe(text('Tolerance on exp, nbf and iat. Default 30s.', 'duration-or-zero')),
    maxAge: maybe(text('Oldest iat accepted.', 'duration')),
    scopesClaim: maybe(oneOrMore('Claims that grant scopes. No default.', claim)),
    groupsClaim: maybe(oneOrMore('Claims that grant groups. No default.', claim)),
    consumerClaim: maybe(text('Claim whose value attaches a consumer.', 'claim')),
    attributes: maybe(mapOf('Attribute name to the claim it is read from.', claim, 'attribute', 1)),
    introspection: maybe(
      mapping('Opaque tokens, asked about at the provider (RFC 7662).', {
        url: text('The introspection endpoint: https, or http on loopback.', 'endpoint'),
        clientId: text('As whom the gateway asks.'),
        clientSecret: text('Its secret there.', 'text', { secret: true }),
        cache: maybe(text('How long an answer holds at most; 0s asks each time. Default 30s.', 'duration-or-zero'))
      })
    )
  })
)

/** Whoever it names is refused, however good the credential. */
export const Revocation = define(
  'revocation',
  mapping(
    'Credentials that no longer hold: all it names must be so.',
    {
      issuer: maybe(nameOf('Only of this issuer.', 'issuer')),
      jti: maybe(text('One token, by its jti.')),
      subject: maybe(text('Every token with this sub.')),
      consumer: maybe(nameOf('Every credential of this consumer.', 'consumer')),
      kid: maybe(text('Every token by the key of this name.')),
      issuedBefore: maybe(text('Tokens issued before, or at a time they don’t say.', 'time')),
      until: text('The first moment it no longer says anything; what it revokes has expired by then.', 'time'),
      reason: maybe(text('For the log.'))
    },
    { atLeastOne: ['jti', 'subject', 'consumer', 'kid', 'issuedBefore'] }
  )
)

export const ApiKey = define(
  'apiKey',
  mapping('An API key, by its hash.', {
    id: text('Names the key in logs and X-Credential; not secret.', 'label'),
    hash: text('sha256: and 64 lower-case hex digits, of the whole key as sent.', 'key-hash'),
    expires: maybe(text('The first day (00:00Z) it no longer holds.', 'date')),
    scopes: maybe(listOf('Narrower than the consumer’s.', text('A scope.', 'scope'), { uniqueBy: null })),
    canary: maybe(flag('A key that nobody has a reason to use: any use bans the address it comes from. Default false.'))
  })
)

export const ConsumerToken = define(
  'consumerToken',
  mapping(
    'Tokens this consumer signs itself, found by iss.',
    {
      issuer: text('The exact value of iss.'),
      algorithm: word('The one algorithm it signs with.', ALGORITHMS),
      secret: maybe(text('HMAC secret, at least as long as the hash’s output.', 'text', { secret: true })),
      publicKey: maybe(either('A path, PEM text, or a JSON Web Key.', text('A path, or PEM text.', 'document'), jwk))
    },
    { exactlyOne: ['secret', 'publicKey'] }
  )
)

/** Of the HTTP Signature Algorithms registry. */
const SIGNING = ['ed25519', 'hmac-sha256', 'ecdsa-p256-sha256', 'rsa-pss-sha512', 'rsa-v1_5-sha256'] as const

export const SigningKey = define(
  'signingKey',
  mapping(
    'A key this consumer signs requests with (RFC 9421).',
    {
      keyId: text('What its signatures call it (keyid).', 'label'),
      algorithm: word('The one algorithm it signs with.', SIGNING),
      secret: maybe(text('HMAC secret, at least 32 bytes.', 'text', { secret: true })),
      publicKey: maybe(either('A path, PEM text, or a JSON Web Key.', text('A path, or PEM text.', 'document'), jwk))
    },
    { exactlyOne: ['secret', 'publicKey'] }
  )
)

export const Consumer = define(
  'consumer',
  mapping('Someone who calls.', {
    name: text('1 to 128 printable characters without space.', 'consumer-name'),
    groups: maybe(listOf('Groups it is in.', text('A group.', 'group'), { uniqueBy: null })),
    scopes: maybe(
      listOf('Scopes it has when its credential names none.', text('A scope.', 'scope'), { uniqueBy: null })
    ),
    attributes: maybe(mapOf('What rules see as caller.attributes.', anything('Any value.'), 'attribute', 1)),
    clients: maybe(
      listOf(
        'Attached to tokens of these issuers with this id.',
        mapping('A client at an issuer.', {
          issuer: nameOf('An issuer’s name.', 'issuer'),
          id: text('Value of the issuer’s consumerClaim.')
        })
      )
    ),
    keys: maybe(listOf('Its API keys.', ApiKey)),
    jwt: maybe(listOf('Tokens it signs itself.', ConsumerToken)),
    signatures: maybe(listOf('Keys it signs requests with.', SigningKey)),
    basic: maybe(
      listOf(
        'Its user names and passwords.',
        mapping('A user name and its password’s hash.', {
          username: text('Printable, without space and colon.', 'username'),
          hash: text('scrypt:…, as `gatehouse password hash` prints it.', 'password-hash')
        })
      )
    ),
    certificates: maybe(
      listOf(
        'Its client certificates: by alternative name, or by fingerprint.',
        mapping(
          'A client certificate.',
          {
            san: maybe(
              text('An alternative name with its kind: "DNS:…", "URI:…", "email:…" or "IP:…".', 'alternative-name')
            ),
            fingerprint: maybe(text('sha256: and 64 hex digits, of the certificate (DER).', 'fingerprint'))
          },
          { exactlyOne: ['san', 'fingerprint'] }
        )
      )
    ),
    ip: maybe(listOf('Only from these CIDR blocks may it call.', text('A CIDR block.', 'cidr')))
  })
)
