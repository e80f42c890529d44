/** `auth` and `external`: how callers identify themselves, and who else is asked about them. */
import { Mode } from './words.ts'
import { define, either, exactly, flag, listOf, mapping, maybe, nameOf, oneOrMore, text, word } from './shapes.ts'

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
