/**
 * A day of ordinary traffic bans nobody: one that was written down (fixtures/ordinary-day.jsonl: what browsers, phones,
 * crawlers, monitors, partners and broken clients of a site and an API send), and days that chance makes of the same
 * kinds of clients. Nobody waits for a day: the clock is the test's.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import fc from 'fast-check'
import { sha256 } from '../e2e/tokens.ts'
import { town, type Visit } from './kit.ts'

const YAML = `version: 1
listen: [ { address: "127.0.0.1:0" } ]
consumers: [ { name: acme, keys: [ { id: k, hash: "sha256:${sha256('acme-key')}" } ] } ]
services:
  - name: s
    url: http://127.0.0.1:9
    routes:
      - { name: site, match: { paths: ["/site/*"] }, policies: { auth: public } }
      - { name: orders, match: { paths: ["/orders/{id}"] }, policies: { auth: { key: true } } }
      - { name: upload, match: { paths: ["/upload"] }, policies: { auth: public, validate: { body: { maxSize: 1kb } } } }
`
const DAY = Date.UTC(2026, 10, 23)

interface Line {
  at: string
  from: string
  request: string
  /** As the client saw it. */
  status: number
  /** `acme`: the good one; `!…`: as it was typed; another word: a key that nobody has. */
  key?: string
}

function visitOf({ from, request, status, key }: Line): Visit {
  const [method = '', path = ''] = request.split(' ')
  const headers: Record<string, string> = {}
  if (key !== undefined) headers['x-api-key'] = key === 'acme' ? 'acme-key' : key.replace(/^!/, '')
  if (status === 413) headers['content-length'] = '5000'
  return { from, method, path, headers, service: status }
}

t.test('a day that was written down', async (t) => {
  const place = await town(t, YAML)
  const lines = readFileSync(join(import.meta.dirname, 'fixtures/ordinary-day.jsonl'), 'utf8')
    .trim()
    .split('\n')
  let different = 0
  for (const text of lines) {
    const line = JSON.parse(text) as Line
    place.now = DAY + Date.parse(`1970-01-01T${line.at}Z`)
    const { status } = await place.visit(visitOf(line))
    if (status !== line.status) different++
  }
  t.ok(lines.length > 3000)
  t.equal(different, 0, 'each request is answered as it was')
  t.same(place.bans, [])
})

/** A client of one kind: its requests with their times within the day, ms. */
type Client = { at: number; visit: Visit }[]

const HOURS = 3_600_000
const within = (hours: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: hours * HOURS - 1 })
const word = fc.stringMatching(/^[a-z]{3,8}$/)

/** Reads page after page, each with what a browser asks for besides, and mistypes now and then. */
const reader = (from: string): fc.Arbitrary<Client> =>
  fc
    .record({
      start: within(20),
      pages: fc.array(word, { minLength: 1, maxLength: 30 }),
      typos: fc.array(word, { maxLength: 6 })
    })
    .map(({ start, pages, typos }) => [
      ...pages.flatMap((page, i) => [
        { at: start + i * 8000, visit: { from, path: `/site/${page}` } },
        { at: start + i * 8000 + 300, visit: { from, path: '/favicon.ico' } },
        { at: start + i * 8000 + 400, visit: { from, path: '/apple-touch-icon.png' } },
        { at: start + i * 8000 + 500, visit: { from, path: '/apple-touch-icon-precomposed.png' } }
      ]),
      ...typos.map((typo, i) => ({ at: start + i * 9000 + 77, visit: { from, path: `/stie/${typo}` } }))
    ])

/** Thousands of good requests at once, a few of objects that are gone. */
const burst = (from: string): fc.Arbitrary<Client> =>
  fc
    .record({ start: within(23), many: fc.integer({ min: 10, max: 300 }), every: fc.integer({ min: 1, max: 20 }) })
    .map(({ start, many, every }) =>
      Array.from({ length: many }, (_, i) => ({
        at: start + i * every,
        visit: { from, path: `/orders/${i}`, headers: { 'x-api-key': 'acme-key' }, service: i % 25 === 3 ? 404 : 200 }
      }))
    )

/** Has a bad key, and asks again with it for hours; somebody gives it another bad one now and then. */
const misconfigured = (from: string): fc.Arbitrary<Client> =>
  fc
    .record({
      start: within(18),
      pause: fc.integer({ min: 2000, max: 60_000 }),
      keys: fc.array(word, { minLength: 1, maxLength: 5 })
    })
    .map(({ start, pause, keys }) =>
      Array.from({ length: Math.min(400, Math.floor((5 * HOURS) / pause)) }, (_, i) => ({
        at: start + i * pause,
        visit: { from, path: '/orders/1', headers: { 'x-api-key': `bad-${keys[Math.floor(i / 80) % keys.length]}` } }
      }))
    )

/** Asks for one thing that is gone, again and again. */
const outdated = (from: string): fc.Arbitrary<Client> =>
  fc
    .record({ start: within(20), pause: fc.integer({ min: 100, max: 5000 }) })
    .map(({ start, pause }) =>
      Array.from({ length: 300 }, (_, i) => ({ at: start + i * pause, visit: { from, path: '/v1/updates' } }))
    )

/** Goes through old links, at the pace of a crawler that means well. */
const crawler = (from: string): fc.Arbitrary<Client> =>
  fc
    .record({ start: within(20), links: fc.array(word, { minLength: 5, maxLength: 40 }) })
    .map(({ start, links }) =>
      [{ at: start, visit: { from, path: '/robots.txt' } }].concat(
        links.map((link, i) => ({ at: start + (i + 1) * 10_000, visit: { from, path: `/site/${link}`, service: 404 } }))
      )
    )

t.test('days that chance makes', async (t) => {
  const kinds = [reader, burst, misconfigured, outdated, crawler]
  const day = fc
    .array(fc.tuple(fc.nat({ max: kinds.length - 1 }), fc.nat({ max: 200 })), { minLength: 3, maxLength: 12 })
    .chain((clients) =>
      fc.tuple(
        ...clients.map(([kind, n], i) =>
          (kinds[kind] ?? reader)(kind === 0 && n < 60 ? '203.0.113.10' : `198.51.${i}.${n}`)
        )
      )
    )
  await fc.assert(
    fc.asyncProperty(day, async (clients) => {
      const place = await town(t, YAML)
      for (const { at, visit } of clients.flat().toSorted((a, b) => a.at - b.at)) {
        place.now = DAY + at
        await place.visit(visit)
      }
      return place.bans.length === 0
    }),
    { numRuns: 25 }
  )
})
