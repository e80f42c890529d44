/** `tests`: the policy's own unit tests, run by `gatehouse check`. */
import { anything, define, listOf, mapOf, mapping, maybe, nameOf, oneOrMore, text, whole, word } from './shapes.ts'

/** Limits are tried at N and N+1; what needs more repetitions than this is no unit test. */
const MOST_REPETITIONS = 10_000

const request = mapping(
  'The request, and who sends it. Without as, claims and certificate it carries no credential.',
  {
    method: maybe(text('Default GET.', 'method')),
    url: text('Whole, with scheme and host: https://api.example.com/orders/7.', 'request-url'),
    headers: maybe(mapOf('Its headers.', text('The value.', 'header-value'), 'header-name', 1)),
    body: maybe(anything('A text; or a mapping or list, which is sent as JSON.')),
    ip: maybe(text('Where the connection comes from. Default 192.0.2.1.', 'ip')),
    time: maybe(text('When, such as 2027-01-31T12:00:00Z. Default now.', 'time')),
    listener: maybe(nameOf('The listener it comes in at. Default the first that fits the url’s scheme.', 'listener')),
    repeat: maybe(whole('How often it is made at one moment; the last is judged. Default 1.', 1, MOST_REPETITIONS)),
    as: maybe(nameOf('The consumer who calls, with any method that the route takes.', 'consumer')),
    claims: maybe(
      mapOf(
        'Claims of a good token of an issuer; iat, exp and aud are filled in, iss is an issuer.',
        anything('The claim.'),
        'text'
      )
    ),
    certificate: maybe(
      mapping('A good client certificate, for listeners that ask for one.', {
        san: oneOrMore('Its alternative names, such as DNS:client.example.', text('A name.', 'alternative-name'))
      })
    )
  },
  { atMostOne: ['as', 'claims', 'certificate'] }
)

const expect = mapping('What must come of it; all that is given must hold.', {
  decision: word('forward: it reaches the upstream; deny; answer: the gateway answers by itself.', [
    'forward',
    'deny',
    'answer'
  ]),
  status: maybe(whole('The answer’s status. deny needs it; what is forwarded has none yet.', 200, 599)),
  route: maybe(text('service.route', 'text')),
  policy: maybe(text('Who decides: ban, honeypot, framing, route or a policy’s name.', 'text')),
  rule: maybe(text('The deciding rule’s, limit’s or ban’s name.', 'text')),
  upstream: maybe(text('Upstream’s name; service:NAME for a service’s own.', 'text')),
  headers: maybe(
    mapOf(
      'What the upstream gets, or the client where the gateway answers or refuses; none: absent.',
      text('The value.', 'header-value'),
      'header-name',
      1
    )
  ),
  shadow: maybe(
    listOf('Policies and rules in shadow that would have denied.', text('A rule’s, limit’s or policy’s name.'), {
      uniqueBy: null
    })
  )
})

export const PolicyTest = define(
  'test',
  mapping('One request, and what must come of it.', {
    name: text('Says what it proves.'),
    request,
    expect
  })
)

export const Tests = listOf('The policy’s own unit tests; `gatehouse check` runs them.', PolicyTest, {
  uniqueBy: 'name'
})
