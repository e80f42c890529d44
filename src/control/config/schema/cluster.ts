/** Several hosts as one. */
import { either, flag, mapping, maybe, oneOrMore, text } from './shapes.ts'

const url = text('redis:// or rediss:// (TLS), with user and password if it asks for them.', 'redis-url', {
  secret: true
})

export const Cluster = mapping('The Redis or Valkey that several hosts share; without it this host is alone.', {
  redis: either(
    'Its url, or what else is to be said of it.',
    url,
    mapping('A store that needs more than a url.', {
      url: oneOrMore('Its url; of several sentinels or nodes, each.', url),
      sentinel: maybe(text('The urls are those of sentinels, which know the master by this name.', 'label')),
      cluster: maybe(flag('The urls are nodes of a Redis Cluster. Default false.')),
      username: maybe(text('Instead of the one in the url.')),
      password: maybe(text('Instead of the one in the url.', 'text', { secret: true })),
      sentinelPassword: maybe(text('Of the sentinels, where they ask for one.', 'text', { secret: true })),
      ca: maybe(text('Authorities that its certificate is checked against: PEM, or a path. Default: the system’s.')),
      serverName: maybe(text('Name that its certificate must have. Default: the address’s.', 'label'))
    })
  ),
  interval: maybe(text('Between two exchanges of local counts. Default 100ms.', 'exchange-interval')),
  timeout: maybe(text('Longest wait for a strict limit’s answer. Default 50ms.', 'decision-timeout')),
  prefix: maybe(text('Before every key in the store. Default gatehouse.', 'store-prefix')),
  secret: maybe(
    text(
      'Keys are hashed with it, the same on all hosts. Default: one that the first host leaves in the store.',
      'text',
      {
        secret: true
      }
    )
  )
})
