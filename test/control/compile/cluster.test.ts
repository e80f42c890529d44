import t, { type Test } from 'tap'
import { errorsOf, routeOf, routeWith, saysExactly, warningsOf } from './configuration.ts'

const STORE = 'cluster: { redis: "redis://127.0.0.1:6379" }\n'
const limit = (text: string, cluster = STORE): string =>
  `${cluster}${routeWith(`auth: { key: true }, limits: [ { name: l, by: caller, ${text} } ]`)}`
const says = (t: Test, text: string, cluster: string, ...expected: RegExp[]): void =>
  saysExactly(t, errorsOf(limit(text, cluster)), expected)
const store = (redis: string): string => `cluster: { redis: ${redis} }\n`

t.test('a limit over several hosts: local first, unless it says strict', async (t) => {
  t.same(routeOf(limit('rate: 5/s, scope: cluster')).limits[0]?.cluster, { strict: false, onFailure: 'local' })
  t.same(routeOf(limit('quota: 5/day, scope: cluster, strict: true, onFailure: closed')).limits[0]?.cluster, {
    strict: true,
    onFailure: 'closed'
  })
  t.equal(routeOf(limit('rate: 5/s, scope: host')).limits[0]?.cluster, undefined)
})

t.test('what can not be shared is refused by name', async (t) => {
  says(t, 'rate: 5/s, scope: cluster', '', /limits\[0\]\.scope: .*cluster\.redis/)
  says(t, 'rate: 5/s, strict: true', STORE, /limits\[0\]\.strict: .*scope: cluster/)
  says(t, 'rate: 5/s, onFailure: open', STORE, /limits\[0\]\.onFailure: .*scope: cluster/)
  says(t, 'rate: 5/s, scope: clutser', STORE, /limits\[0\]\.scope: expected host or cluster/)
  says(t, 'concurrent: 5, scope: cluster', STORE, /limits\[0\]\.scope: requests at once/)
  says(t, 'bandwidth: 1mb/s, scope: cluster', STORE, /limits\[0\]\.scope: .*bandwidth/)
  says(t, 'rate: 5/s, scope: cluster, strict: true, cost: { response: x-cost }', STORE, /limits\[0\]\.strict: .*cost/)
  says(t, 'rate: 1000000/s, scope: cluster', STORE)
  says(t, 'rate: 1000001/s, scope: cluster', STORE, /limits\[0\]\.scope: .*1000001\/s is above 1000000/)
})

t.test('the store: one way to speak with it', async (t) => {
  const of = (redis: string, ...expected: RegExp[]): void => says(t, 'rate: 5/s', store(redis), ...expected)
  of('"redis://u:p%40ss@[::1]:7000/3"')
  of('"rediss://redis.internal"')
  of('{ url: ["redis://a:1", "redis://b:2"], sentinel: main }')
  of('{ url: ["redis://a:1", "redis://b:2"], cluster: true }')
  of('"http://127.0.0.1:6379"', /cluster\.redis: /)
  of('"redis://127.0.0.1:0"', /cluster\.redis: /)
  of('"redis://127.0.0.1:6379/x"', /cluster\.redis: /)
  of('{ url: ["redis://a:1", "redis://b:2"] }', /cluster\.redis\.url: several urls/)
  of('{ url: ["redis://a:1", "rediss://b:2"], cluster: true }', /cluster\.redis\.url\[1\]: .*not here/)
  of('{ url: "redis://a:1", sentinel: main, cluster: true }', /cluster\.redis\.cluster: /)
  of('{ url: "redis://a:1/2", cluster: true }', /cluster\.redis\.url: .*database 0/)
  of('{ url: "redis://a:1", ca: missing.pem }', /cluster\.redis\.ca: nothing is encrypted/)
  of('{ url: "rediss://a:1", ca: missing.pem }', /cluster\.redis\.ca: .*missing\.pem/)
  of('{ sentinel: main }', /cluster\.redis: .*"url" is missing/)
  of('{ url: "redis://a:1", passwort: x }', /cluster\.redis\.passwort: .*password/)
})

t.test('times and names have bounds', async (t) => {
  const of = (more: string, ...expected: RegExp[]): void =>
    says(t, 'rate: 5/s', `cluster: { redis: "redis://a:1", ${more} }\n`, ...expected)
  of('interval: 20ms, timeout: 5ms, prefix: a.b:c')
  of('interval: 19ms', /cluster\.interval: /)
  of('interval: 10s')
  of('interval: 10001ms', /cluster\.interval: /)
  of('timeout: 4ms', /cluster\.timeout: /)
  of('timeout: 5001ms', /cluster\.timeout: /)
  of('prefix: "a b"', /cluster\.prefix: /)
  of('prefix: "{a}"', /cluster\.prefix: /)
})

t.test('a password that stands in the file is told of, one that is referred to is not', async (t) => {
  process.env.STORE_WORD = 'a-word'
  const of = (redis: string, ...expected: RegExp[]): void =>
    saysExactly(t, warningsOf(limit('rate: 5/s', store(redis))), expected)
  of('"redis://a:1"')
  of('"redis://:${env:STORE_WORD}@a:1"')
  of('"redis://:word@a:1"', /cluster\.redis: a secret in a file/)
  of('{ url: ["redis://:word@a:1"] }', /cluster\.redis\.url\[0\]: a secret in a file/)
  of('{ url: "redis://a:1", password: word }', /cluster\.redis\.password: a secret in a file/)
  of('{ url: "redis://a:1", password: "${env:STORE_WORD}" }')
})
