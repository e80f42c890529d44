/** What a level says of the requests that pass it, and profiles: named policies. */
import { Auth, External } from './auth.ts'
import { Limit } from './limits.ts'
import { Validate } from './validate.ts'
import { METHODS, Mode } from './words.ts'
import { define, either, exactly, flag, listOf, mapOf, mapping, maybe, orNone, text, word } from './shapes.ts'

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
