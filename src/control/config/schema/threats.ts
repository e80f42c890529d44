/** `threats`: who is kept out for what they did. */
import { define, either, listOf, mapping, maybe, oneOrMore, orNone, text, whole, word } from './shapes.ts'
import { Mode } from './words.ts'

/** Policies whose refusals may be counted. `ban` is none of them: a ban that feeds itself never ends. */
const POLICIES = [
  'framing',
  'client',
  'honeypot',
  'route',
  'ip',
  'limits',
  'auth',
  'revocation',
  'external',
  'authorize',
  'validate',
  'timeouts'
] as const

const events = define(
  'events',
  mapping(
    'Which requests count: all that is said here must hold.',
    {
      status: maybe(listOf('Statuses answered.', whole('A status.', 100, 599), { uniqueBy: null })),
      policy: maybe(oneOrMore('The policy that refused, or one of them.', word('A policy.', POLICIES))),
      distinct: maybe(
        word('Requests with the same one count once: path, credential, object (a route’s {x} and {*}) or ip.', [
          'path',
          'credential',
          'object',
          'ip'
        ])
      ),
      callers: maybe(
        word('any (default), identified: those with a good credential, or unidentified.', [
          'any',
          'identified',
          'unidentified'
        ])
      )
    },
    { atLeastOne: ['status', 'policy', 'distinct'] }
  )
)

export const Ban = define(
  'ban',
  mapping('A scenario: more events than this in a time, and their author is banned.', {
    name: text('Names the ban in logs; a built-in one of the same name is replaced.', 'name'),
    count: events,
    by: oneOrMore(
      'What is counted and banned apart: by’s words, or account: whom a bad credential claims to be; then the address is banned.',
      text('One of by’s words, or account.', 'ban-by')
    ),
    rate: text('Events per time; one more bans: 15/min.', 'rate'),
    ban: text('How long.', 'duration'),
    escalate: maybe(whole('Each further ban is so many times as long. Default 1.', 1, 100)),
    max: maybe(text('Longest ban. Default 24h.', 'duration')),
    mode: maybe(Mode)
  })
)

const honeypotPath = text('A path.', 'plain-path')

export const Threats = define(
  'threats',
  mapping(
    'Who is banned for what they did.',
    {
      bans: maybe(
        orNone(
          'Scenarios besides the built-in ones; none drops those, and the built-in honeypots.',
          listOf('Scenarios.', Ban, { uniqueBy: 'name' })
        )
      ),
      honeypots: maybe(
        orNone(
          'Paths that nobody has a reason to ask for, besides the built-in ones: one visit bans. none drops those.',
          listOf(
            'Paths.',
            either(
              'A path, or paths on some hosts only.',
              honeypotPath,
              mapping('Paths on some hosts only.', {
                paths: listOf('Paths.', honeypotPath, { uniqueBy: null }),
                hosts: maybe(listOf('Hosts; *.x is one label.', text('A host.', 'host'), { uniqueBy: null }))
              })
            ),
            { uniqueBy: null }
          )
        )
      ),
      never: maybe(
        listOf('Never banned, as trusted proxies never are.', text('A CIDR block.', 'cidr'), { uniqueBy: null })
      ),
      blockAt: maybe(
        word(
          'Where the banned are kept out: at the gateway (default), or by the kernel too: nftables, which needs CAP_NET_ADMIN.',
          ['gateway', 'nftables']
        )
      ),
      crowdsec: maybe(
        mapping('A CrowdSec whose decisions to ban addresses and networks hold here too.', {
          url: text('Its local API, http://127.0.0.1:8080 say.', 'endpoint'),
          key: text('As `cscli bouncers add gatehouse` prints it.', 'header-value', { secret: true }),
          interval: maybe(text('How often it is asked, 1s to 1h. Default 10s.', 'interval'))
        })
      ),
      mode: maybe(Mode)
    },
    { atLeastOne: ['bans', 'honeypots', 'never', 'blockAt', 'crowdsec', 'mode'] }
  )
)
