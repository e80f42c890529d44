/** What a level says of the requests that pass it, and profiles: named policies. */
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
  orNone,
  text,
  whole,
  word
} from './shapes.ts'

/** Methods the gateway serves; every other is answered 501. */
export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'CONNECT', 'TRACE'] as const

export const Mode = word('enforce (default), or shadow: decide, count and log, and let pass.', ['enforce', 'shadow'])

export const IpPolicy = define(
  'ip',
  mapping(
    'Client addresses.',
    {
      allow: maybe(listOf('Only these CIDR blocks.', text('A CIDR block.', 'cidr'))),
      deny: maybe(listOf('Never these CIDR blocks.', text('A CIDR block.', 'cidr'))),
      mode: maybe(Mode)
    },
    { atLeastOne: ['allow', 'deny'] }
  )
)

const places = {
  header: maybe(oneOrMore('Header or headers it is looked for in.', text('A header name.', 'header-name'))),
  cookie: maybe(oneOrMore('Cookie or cookies it is looked for in.', text('A cookie name.', 'cookie-name'))),
  query: maybe(
    oneOrMore(
      'Query parameter or parameters it is looked for in; they end up in logs of others.',
      text('A parameter name.', 'text')
    )
  )
}

export const JwtAuth = define(
  'jwtAuth',
  mapping(
    'Bearer tokens.',
    {
      issuers: maybe(listOf('Whose tokens are taken.', nameOf('An issuer’s name.', 'issuer'), { uniqueBy: null })),
      consumers: maybe(flag('Takes tokens that consumers sign themselves.')),
      audiences: maybe(
        either(
          'Replaces the issuers’ audiences: any one of them, or the word any to switch the check off.',
          listOf('Audiences.', text('An audience.')),
          exactly('any')
        )
      ),
      expiry: maybe(word('required (default), or optional: tokens without exp are taken.', ['required', 'optional'])),
      bound: maybe(
        word(
          'if-present (default): a token with cnf must be proved by DPoP or its client certificate. required: every token must.',
          ['if-present', 'required']
        )
      ),
      ...places
    },
    { atLeastOne: ['issuers', 'consumers'] }
  )
)

export const KeyAuth = define(
  'keyAuth',
  mapping('Where API keys are looked for. Default: the header x-api-key.', places)
)

export const Auth = define(
  'auth',
  mapping(
    'How callers identify themselves.',
    {
      jwt: maybe(JwtAuth),
      key: maybe(either('API keys of consumers.', exactly(true), KeyAuth)),
      basic: maybe(exactly(true, 'User names and passwords (HTTP Basic).')),
      signature: maybe(exactly(true, 'HTTP message signatures (RFC 9421).')),
      certificate: maybe(exactly(true, 'Client certificates, of listeners with tls.clientCertificates.')),
      require: maybe(word('any (default) of the methods listed here, or all of them.', ['any', 'all'])),
      anonymous: maybe(nameOf('Consumer that a request without any credential becomes.', 'consumer')),
      mode: maybe(Mode)
    },
    {
      atLeastOne: ['jwt', 'key', 'basic', 'certificate', 'signature']
    }
  )
)

export const External = define(
  'external',
  mapping('A service that is asked about each request, by GET, before it is forwarded.', {
    url: text('http or https, host, port and path.', 'service-url'),
    headers: maybe(
      listOf('Request headers it is told. Default: none.', text('A header name.', 'changed-header'), { uniqueBy: null })
    ),
    copyBack: maybe(
      listOf(
        'Headers of its answer that go to the upstream; a client’s own never do.',
        text('A header name.', 'changed-header'),
        { uniqueBy: null }
      )
    ),
    cache: maybe(text('How long a decision holds for equal questions, up to 1h. Default: not at all.', 'duration')),
    timeout: maybe(text('How long it may take, up to 1m. Default 1s.', 'timeout')),
    onFailure: maybe(
      word('closed (default): 503 when it gives no decision; open: the request passes.', ['closed', 'open'])
    ),
    mode: maybe(Mode)
  })
)

export const Rule = define(
  'rule',
  mapping(
    'All keys of one rule must hold.',
    {
      name: maybe(text('Names the rule in logs; a nearer rule of the same name replaces it.', 'name')),
      groups: maybe(listOf('Any of these groups.', text('A group.'), { uniqueBy: null })),
      scopes: maybe(listOf('All of these scopes.', text('A scope.', 'scope'), { uniqueBy: null })),
      when: maybe(text('A CEL expression that must be true.')),
      reason: maybe(text('For the log, never for the caller.')),
      mode: maybe(Mode)
    },
    { atLeastOne: ['groups', 'scopes', 'when'] }
  )
)

export const By = oneOrMore(
  'What is counted apart: ip caller consumer credential route service host path all, or header: cookie: query: path: host: claim: attribute: with a name.',
  text('One of by’s words.', 'by')
)

const amounts = {
  rate: maybe(text('Requests per time: 100/s, 1000/min, 10/10s, 5000/h.', 'rate')),
  burst: maybe(whole('Size of the bucket: the most at once. Default: the rate’s count.', 1, 1_000_000_000)),
  quota: maybe(text('Requests per calendar day or month, UTC, kept over restarts: 100000/month, 500/day.', 'quota')),
  concurrent: maybe(whole('Most requests under way at once.', 1, 1_000_000)),
  bandwidth: maybe(text('Bytes of bodies per time, both directions together: 64kb/s, 1mb/s.', 'bandwidth')),
  queue: maybe(whole('Requests that may wait for one of those to end, first come, first served.', 1, 1000))
}

export const Tier = define(
  'tier',
  mapping(
    'Another amount for callers for whom all of groups, scopes and when hold.',
    {
      groups: maybe(listOf('Any of these groups.', text('A group.'), { uniqueBy: null })),
      scopes: maybe(listOf('All of these scopes.', text('A scope.', 'scope'), { uniqueBy: null })),
      when: maybe(text('A CEL expression that must be true.')),
      ...amounts,
      rate: maybe(text('Requests per time; none: not limited by this one.', 'rate-or-none')),
      quota: maybe(text('Requests per calendar day or month; none: not limited by this one.', 'quota-or-none'))
    },
    { atMostOne: ['rate', 'quota', 'concurrent', 'bandwidth'], atLeastOne: ['groups', 'scopes', 'when'] }
  )
)

export const ResponseCost = define(
  'responseCost',
  mapping('The answer tells what its request cost; it is charged when the answer’s head comes.', {
    response: text('The answer’s header that holds the units, a whole number. Clients don’t get it.', 'header-name'),
    default: maybe(
      whole('Units where the answer tells none, and what must be left to be admitted. Default 1.', 1, 1e9)
    ),
    max: maybe(whole('Most units of one answer. Default 1000000.', 1, 1e9))
  })
)

export const Limit = define(
  'limit',
  mapping(
    'How much.',
    {
      name: text('Names the limit in answers and logs; a nearer limit of the same name replaces it.', 'name'),
      ...amounts,
      algorithm: maybe(word('How a rate is counted: bucket (default), or sliding windows.', ['bucket', 'sliding'])),
      cost: maybe(either('What one request counts. Default 1.', whole('Units.', 1, 1_000_000_000), ResponseCost)),
      tiers: maybe(listOf('Other amounts for some callers; the first that fits holds.', Tier, { uniqueBy: null })),
      by: By,
      scope: maybe(
        word('Who counts together: the threads of this host (default), or all hosts of the cluster.', [
          'host',
          'cluster'
        ])
      ),
      strict: maybe(
        flag('Whether the store is asked about every request, for exact counts. Default false: hosts exchange theirs.')
      ),
      onFailure: maybe(
        word('While the store is away: this host counts alone (default), all is let in, all is refused with 503.', [
          'local',
          'open',
          'closed'
        ])
      ),
      mode: maybe(Mode)
    },
    { exactlyOne: ['rate', 'quota', 'concurrent', 'bandwidth'] }
  )
)

/** A document: the path of a file, or the schema itself. */
function schemaOf(description: string) {
  return either(
    description,
    text('Path of a .json or .yaml file.', 'path'),
    mapOf('The schema itself.', anything('A keyword’s value.'), 'text')
  )
}

export const Validate = define(
  'validate',
  mapping(
    'What a request may hold.',
    {
      body: maybe(
        mapping(
          'The request’s body.',
          {
            maxSize: maybe(text('Largest body: 64kb, 10mb. Default 10mb.', 'size')),
            contentTypes: maybe(
              listOf('Media types taken.', text('A media type without parameters.', 'media-type'), { uniqueBy: null })
            ),
            schema: maybe(schemaOf('JSON Schema (draft 2020-12) of the body, which must be JSON.')),
            json: maybe(
              mapping(
                'How much structure a JSON body may have; no member may stand twice.',
                {
                  depth: maybe(whole('Deepest nesting of objects and lists. Default 64.', 1, 1000)),
                  keys: maybe(whole('Most members of one object. Default 10000.', 1, 10_000_000)),
                  items: maybe(whole('Most items of one list. Default 100000.', 1, 100_000_000))
                },
                { atLeastOne: ['depth', 'keys', 'items'] }
              )
            )
          },
          { atLeastOne: ['maxSize', 'contentTypes', 'schema', 'json'] }
        )
      ),
      query: maybe(
        mapping('The query’s parameters.', { schema: schemaOf('JSON Schema of the object of all parameters.') })
      ),
      path: maybe(
        mapping('What the route’s {x} took.', { schema: schemaOf('JSON Schema of the object of all of them.') })
      ),
      openapi: maybe(text('Path of an OpenAPI 3.0 or 3.1 document; requests must be operations of it.', 'path')),
      mode: maybe(Mode)
    },
    { atLeastOne: ['body', 'query', 'path', 'openapi'] }
  )
)

export const Cors = define(
  'cors',
  mapping('Which pages of other origins may call.', {
    origins: listOf('Origins: exact, https://*.x for one label, or "*".', text('An origin.', 'origin'), {
      uniqueBy: null
    }),
    methods: maybe(
      listOf('Methods allowed. Default: the route’s own.', word('A method.', METHODS), { uniqueBy: null })
    ),
    headers: maybe(listOf('Request headers allowed.', text('A header name.', 'header-name'), { uniqueBy: null })),
    expose: maybe(
      listOf('Response headers pages may read.', text('A header name.', 'header-name'), { uniqueBy: null })
    ),
    credentials: maybe(flag('Whether cookies and credentials may be sent.')),
    maxAge: maybe(text('How long browsers may keep a preflight’s answer.', 'duration'))
  })
)

export const Identity = define(
  'identity',
  mapping(
    'What upstreams are told of the caller.',
    {
      headers: maybe(flag('X-Consumer, X-Subject and the like. Default true.')),
      credentials: maybe(word('strip (default) or forward what auth read.', ['strip', 'forward'])),
      token: maybe(
        mapping(
          'A token of the gateway’s own for the upstream, as Authorization: Bearer.',
          {
            audience: maybe(text('Who it is for. Default: the service’s name.')),
            ttl: maybe(text('How long it holds, 5s to 1h. Default 60s.', 'duration')),
            algorithm: maybe(word('EdDSA (default) or ES256.', ['EdDSA', 'ES256'])),
            attributes: maybe(
              listOf('Attributes of the caller that it carries.', text('An attribute’s name.', 'attribute'), {
                uniqueBy: null
              })
            ),
            bind: maybe(flag('Whether it is for this request’s method and path only. Default false.'))
          },
          { atLeastOne: ['audience', 'ttl', 'algorithm', 'attributes', 'bind'] }
        )
      )
    },
    { atLeastOne: ['headers', 'credentials', 'token'] }
  )
)

const headerText = text('Text; {claim:tenant}, {path:id} and the like are filled in.', 'template')

function operations(side: 'request' | 'response') {
  return define(
    `${side}Headers`,
    mapping(`Changes to the ${side}’s headers, carried out in this order.`, {
      remove: maybe(listOf('Headers removed.', text('A header name.', 'changed-header'), { uniqueBy: null }, 0)),
      rename: maybe(mapOf('Old name to new name.', text('The new name.', 'changed-header'), 'changed-header')),
      set: maybe(mapOf('Headers set, replacing what is there.', headerText, 'changed-header')),
      default: maybe(mapOf('Headers set if absent.', headerText, 'changed-header')),
      append: maybe(mapOf('Headers added to what is there.', headerText, 'changed-header'))
    })
  )
}

export const RequestHeaders = operations('request')
export const ResponseHeaders = operations('response')

export const Headers = define(
  'headers',
  mapping(
    'Headers added, changed and removed.',
    {
      security: maybe(flag('nosniff, frame denial, HSTS and the like on answers that lack them. Default false.')),
      request: maybe(RequestHeaders),
      response: maybe(ResponseHeaders)
    },
    { atLeastOne: ['security', 'request', 'response'] }
  )
)

export const Timeouts = define(
  'timeouts',
  mapping(
    'How long a request may take.',
    {
      request: maybe(text('First byte in to the answer’s head. Default 30s.', 'timeout')),
      idle: maybe(text('Longest silence either way after that. Default 60s.', 'timeout'))
    },
    { atLeastOne: ['request', 'idle'] }
  )
)

export const Policies = define(
  'policies',
  mapping(
    'What holds for every request of this level.',
    {
      ip: maybe(orNone('Client addresses; all levels must allow.', IpPolicy)),
      auth: maybe(either('How callers identify themselves; public to have it open.', Auth, exactly('public'))),
      external: maybe(orNone('A service that is asked; all levels’ must admit.', External)),
      authorize: maybe(
        either(
          'Who may: one rule or a list; all must hold.',
          Rule,
          listOf('Rules; all must hold.', Rule, { uniqueBy: 'name' }),
          exactly('none')
        )
      ),
      limits: maybe(orNone('How much; all levels’ limits apply.', listOf('Limits.', Limit, { uniqueBy: 'name' }))),
      validate: maybe(orNone('What a request may hold.', Validate)),
      cors: maybe(orNone('Which pages of other origins may call.', Cors)),
      identity: maybe(orNone('What upstreams are told of the caller.', Identity)),
      headers: maybe(orNone('Headers added, changed and removed.', Headers)),
      timeouts: maybe(orNone('How long a request may take.', Timeouts))
    },
    {
      unsupported: {
        websocket: 'WebSocket upgrades.'
      }
    }
  )
)

export const Profile = define(
  'profile',
  mapping('Named policies, for `use`.', { name: text('What `use` calls it.', 'name'), policies: Policies })
)
