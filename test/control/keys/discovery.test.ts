import t from 'tap'
import { Discovery, discoveryUrls } from '../../../src/control/keys/discovery.ts'
import { NotFound } from '../../../src/upstream/document.ts'

const ISSUER = 'https://idp.example/a'
const URLS = discoveryUrls(ISSUER) ?? []
const document = (jwks: string): string => JSON.stringify({ issuer: ISSUER, jwks_uri: jwks })
const MINUTE = 60_000

class Bench {
  now = 0
  body: string | Error = document('https://idp.example/one')
  cacheSeconds: number | null = null
  readonly asked: string[] = []
  readonly discovery = new Discovery(
    ISSUER,
    URLS,
    async (url) => {
      this.asked.push(url)
      if (this.body instanceof Error) throw this.body
      return { body: this.body, cacheSeconds: this.cacheSeconds }
    },
    () => this.now
  )
}

t.test('a document holds as long as its server says, within five minutes and a day; an hour otherwise', async (t) => {
  for (const [cacheSeconds, minutes] of [
    [null, 60],
    [0, 5],
    [1800, 30],
    [10_000_000, 1440]
  ] as const) {
    const bench = new Bench()
    bench.cacheSeconds = cacheSeconds
    t.equal(await bench.discovery.keySetUrl(false), 'https://idp.example/one')
    bench.body = document('https://idp.example/two')
    bench.now = minutes * MINUTE - 1
    t.equal(await bench.discovery.keySetUrl(false), 'https://idp.example/one')
    bench.now++
    t.equal(await bench.discovery.keySetUrl(true), 'https://idp.example/one', 'an unknown kid never asks for it')
    t.equal(bench.asked.length, 1)
    t.equal(await bench.discovery.keySetUrl(false), 'https://idp.example/two')
  }
})

t.test('distrusted, it is read again, and the old one stays known while that fails', async (t) => {
  const bench = new Bench()
  await bench.discovery.keySetUrl(false)
  bench.discovery.distrust()
  bench.body = new Error('down')
  await t.rejects(bench.discovery.keySetUrl(false), /down/)
  t.equal(await bench.discovery.keySetUrl(true), 'https://idp.example/one')
  bench.body = document('https://idp.example/two')
  t.equal(await bench.discovery.keySetUrl(false), 'https://idp.example/two')
})

t.test('the second place is looked at only when the first has nothing', async (t) => {
  const bench = new Bench()
  bench.body = new Error('down')
  await t.rejects(bench.discovery.keySetUrl(false), /down/)
  t.strictSame(bench.asked, URLS.slice(0, 1))
  bench.body = new Error('first: answered 404, expected 200', { cause: new NotFound('404') })
  await t.rejects(bench.discovery.keySetUrl(false), /first: answered 404/)
  t.strictSame(bench.asked.slice(1), URLS)
})

t.test('an address of any length is not taken: it is named in each message about its keys', async (t) => {
  const bench = new Bench()
  bench.body = document(`https://idp.example/${'a'.repeat(100_000)}`)
  await t.rejects(bench.discovery.keySetUrl(false), /its jwks_uri is longer than 2048 characters$/)
})
