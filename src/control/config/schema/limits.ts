/** `limits`: how much. */
import { Mode } from './words.ts'
import { define, either, flag, listOf, mapping, maybe, oneOrMore, text, whole, word } from './shapes.ts'

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
