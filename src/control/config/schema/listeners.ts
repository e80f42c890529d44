/** Where clients come in: listen, tls, client. */
import { define, either, flag, listOf, mapping, maybe, text, whole, word } from './shapes.ts'

/** What the table of open connections can count of one client (memory/concurrency.ts). */
const MOST_CONNECTIONS = 1_048_575

const clientKeys = {
  addressFrom: maybe(
    text(
      'Who says what the client’s address is: connection (default), x-forwarded-for, forwarded, header:NAME or proxy-protocol (plain listeners).',
      'address-source'
    )
  ),
  trustedProxies: maybe(
    listOf('CIDR blocks of the proxies that may speak for a client.', text('A CIDR block.', 'cidr'), { uniqueBy: null })
  ),
  ipv6Prefix: maybe(whole('Leading bits of an IPv6 address that count as one client. Default 64.', 1, 128)),
  chunked: maybe(word('Request bodies without a length: accept (default), or refuse with 411.', ['accept', 'refuse'])),
  connections: maybe(
    mapping(
      'What one client may have of connections; past it they are closed before their TLS handshake. Absent: no cap.',
      {
        max: maybe(whole('Most open at once.', 1, MOST_CONNECTIONS)),
        rate: maybe(text('How fast it may open them, as a burst of that many: 50/s, 600/min.', 'rate'))
      },
      { atLeastOne: ['max', 'rate'] }
    )
  )
}

export const Client = define('client', mapping('Who the client is; a listener may say otherwise.', clientKeys))

export const Listener = define(
  'listener',
  mapping('An address clients connect to.', {
    name: maybe(text('What routes and logs call it; the address, if left out.', 'listener-name')),
    address: text('IP address and port to bind, such as "0.0.0.0:8443" or "[::]:8443".', 'address'),
    tls: maybe(
      either(
        'TLS with the certificates of tls.certificates.',
        flag('Whether TLS is spoken here.'),
        mapping('TLS with client certificates.', {
          clientCertificates: mapping('Mutual TLS.', {
            ca: text('The authorities that vouch for clients: a path, or PEM text.', 'document'),
            required: maybe(flag('Refuses clients that show none. Default false.'))
          })
        })
      )
    ),
    redirect: maybe(
      text('Answers everything with 308: https (port of the first TLS listener) or https:PORT.', 'redirect')
    ),
    ready: maybe(text('Path that answers 200 while ready and 503 while not.', 'plain-path')),
    client: maybe(Client)
  })
)

export const Tls = mapping('Certificates for every TLS listener.', {
  minVersion: maybe(word('Lowest TLS version spoken. Default TLSv1.2.', ['TLSv1.2', 'TLSv1.3'], ['TLSv1.2'])),
  certificates: maybe(
    listOf(
      'The first answers clients that send no server name. Files are watched: rotated with no restart.',
      define(
        'certificate',
        mapping('A certificate and its key.', {
          hosts: listOf('Server names answered with it; *.x is one label.', text('A host name.', 'host'), {
            uniqueBy: null
          }),
          cert: text('Certificate chain: a path, or PEM text.', 'document'),
          key: text('Private key: a path, or PEM text.', 'document', { secret: true })
        })
      )
    )
  )
})
