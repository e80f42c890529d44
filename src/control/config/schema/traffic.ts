/** Where requests go: services with their routes, and upstreams. */
import { define, either, flag, listOf, mapOf, mapping, maybe, nameOf, text, whole, word } from './shapes.ts'
import { Policies } from './policies.ts'
import { Tests } from './tests.ts'
import { METHODS } from './words.ts'

export const UpstreamTimeouts = define(
  'upstreamTimeouts',
  mapping(
    'How long an upstream may take.',
    {
      connect: maybe(text('To connect, TLS included. Default 1s.', 'timeout')),
      response: maybe(text('From the request’s end to the answer’s head. Default 10s.', 'timeout')),
      idle: maybe(text('Longest silence of an answer under way. Default 60s.', 'timeout'))
    },
    { atLeastOne: ['connect', 'response', 'idle'] }
  )
)

const upstreamConnections = define(
  'upstreamConnections',
  mapping(
    'Connections to each target.',
    {
      max: maybe(whole('Most connections, over all worker threads. Default 256.', 1, 65_535)),
      pipelining: maybe(
        whole(
          'GET and HEAD requests sent ahead on one connection. Default 1. Above 1 trusts this upstream’s framing: bytes too many in one answer would reach another caller. Given up at its first misbehaviour.',
          1,
          64
        )
      ),
      http2: maybe(flag('Whether HTTP/2 is spoken.', [false]))
    },
    { atLeastOne: ['max', 'pipelining', 'http2'] }
  )
)

const upstreamSettings = {
  timeouts: maybe(UpstreamTimeouts),
  connections: maybe(upstreamConnections)
}

const settingsToCome = {
  balance: 'round-robin, least-requests, ewma or hash.',
  hashOn: 'What hash balances on.',
  retries: 'Which failures are tried again.',
  health: 'Active health checks.',
  outlier: 'Targets that fail are left out for a while.',
  breaker: 'When an upstream is given up for a while.',
  slowStart: 'How slowly a new target is loaded.',
  tls: 'CA, client certificate and server name towards the upstream.'
}

const target = define(
  'target',
  mapping(
    'A server.',
    { url: text('http or https, host and port; no path.', 'target-url') },
    { unsupported: { weight: 'Its share of the requests.' } }
  )
)

const upstreamKeys = {
  targets: listOf('Servers; exactly one yet.', target, { uniqueBy: 'url', itemsYet: 1 }),
  ...upstreamSettings
}
const upstreamToCome = { discover: 'Targets found by DNS.', ...settingsToCome }

export const Upstream = define(
  'upstream',
  mapping(
    'Servers that requests are forwarded to.',
    { name: text('What services call it.', 'name'), ...upstreamKeys },
    { unsupported: upstreamToCome }
  )
)

export const InlineUpstream = define(
  'inlineUpstream',
  mapping('An upstream of this service alone.', upstreamKeys, { unsupported: upstreamToCome })
)

export const Defaults = mapping('What holds where nothing nearer speaks.', {
  upstream: maybe(mapping('Under every upstream, key by key.', upstreamSettings, { unsupported: settingsToCome }))
})

export const Match = define(
  'match',
  mapping('Which requests; a service’s stands under each of its routes’, key by key.', {
    hosts: maybe(
      listOf(
        'Host names; *.x is one label, {name}.x keeps it as host.name. Default: any.',
        text('A host.', 'host-pattern'),
        {
          uniqueBy: null
        }
      )
    ),
    methods: maybe(
      listOf('GET includes HEAD. Default: all but CONNECT and TRACE.', word('A method.', METHODS), { uniqueBy: null })
    ),
    paths: maybe(
      listOf('Paths: /orders is exact, {x} one segment, /files/* all below.', text('A path.', 'path-pattern'), {
        uniqueBy: null
      })
    ),
    headers: maybe(mapOf('Headers that must equal a value.', text('The value.', 'header-value'), 'header-name', 1)),
    listeners: maybe(
      listOf(
        'Listeners it is reached through. Default: all.',
        nameOf('A listener’s name, or its address.', 'listener'),
        {
          uniqueBy: null
        }
      )
    )
  })
)

export const Forward = define(
  'forward',
  mapping(
    'How a request is sent on.',
    {
      stripPrefix: maybe(text('Path prefix taken off, whole segments.', 'plain-path')),
      rewrite: maybe(text('The path sent, such as /v2/orders/{id}; {*} is what /* took.', 'rewrite')),
      host: maybe(word('Host header: of the upstream (default), or preserve the client’s.', ['upstream', 'preserve']))
    },
    { atMostOne: ['stripPrefix', 'rewrite'] }
  )
)

export const Respond = define(
  'respond',
  mapping('An answer of the gateway’s own.', {
    status: whole('HTTP status.', 200, 599),
    headers: maybe(
      mapOf('Its headers; {x} and {*} of the path are filled in.', text('The value.', 'template'), 'changed-header')
    ),
    body: maybe(text('Its body; {x} and {*} of the path are filled in.', 'body-template'))
  })
)

const use = maybe(
  listOf('Profiles, read just before this level’s own policies.', nameOf('A profile’s name.', 'profile'), {
    uniqueBy: null
  })
)

export const Route = define(
  'route',
  mapping(
    'Requests of one kind.',
    {
      name: text('service.route names it in logs.', 'name'),
      match: maybe(Match),
      forward: maybe(Forward),
      respond: maybe(Respond),
      use,
      policies: maybe(Policies)
    },
    { atMostOne: ['forward', 'respond'] }
  )
)

export const Service = define(
  'service',
  mapping(
    'Something callers want, and its routes.',
    {
      name: text('What logs, metrics and routes call it.', 'name'),
      url: maybe(text('Where it is: http or https; a path is put before the forwarded one.', 'service-url')),
      upstream: maybe(
        either('An upstream’s name, or one written here.', nameOf('An upstream’s name.', 'upstream'), InlineUpstream)
      ),
      match: maybe(Match),
      labels: maybe(mapOf('Go to log and metrics.', text('The value.'), 'label-name', 1)),
      use,
      policies: maybe(Policies),
      routes: listOf('Its routes.', Route, { uniqueBy: 'name' }),
      tests: maybe(Tests)
    },
    {
      atMostOne: ['url', 'upstream'],
      unsupported: {
        canary: 'Another upstream for a share of the requests.',
        mirror: 'Copies of requests to another upstream.'
      }
    }
  )
)
