/**
 * Behind a balancer that speaks the PROXY protocol, a client's own X-Forwarded-For and X-Request-Id were passed on as
 * that balancer's, and the client's real address reached no service.
 */
import t from 'tap'
import { Client, ClientAddress } from '../../src/client/address.ts'
import { HeaderList } from '../../src/headers.ts'

t.test('fields behind the PROXY protocol are the client\u2019s', async (t) => {
  const address = new ClientAddress({
    addressFrom: { kind: 'proxy-protocol' },
    trustedProxies: ['10.0.0.0/8'],
    ipv6Prefix: 64,
    chunked: 'accept'
  })
  const client = new Client()
  address.resolve(new Uint8Array([10, 0, 0, 1]), new Uint8Array([203, 0, 113, 7]), new HeaderList(), client)
  t.same([...client.bytes], [203, 0, 113, 7])
  t.equal(client.trusted, false)
})
