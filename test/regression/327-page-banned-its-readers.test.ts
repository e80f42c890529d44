/** Any page could ban its readers: sixteen image tags are sixteen paths that are not there, eleven with %2f a traversal. */
import t from 'tap'
import { town, type Town } from '../threats/kit.ts'

const YAML = `version: 1
listen: [ { address: "127.0.0.1:0" } ]
consumers: [ { name: guest } ]
services: [ { name: s, url: "http://127.0.0.1:9", policies: { auth: public }, routes: [ { name: r, match: { paths: ["/a"] } } ] } ]
`
const FROM = '192.0.2.1'
/** What browsers send with an image of a page elsewhere: over TLS, and without. */
const IMAGES = [{ 'sec-fetch-site': 'cross-site' }, { referer: 'http://evil.example/', accept: 'image/webp,*/*' }]

async function ask(place: Town, count: number, path: string, headers: Record<string, string> = {}): Promise<void> {
  for (let i = 0; i < count; i++) await place.visit({ from: FROM, path: `${path}${i}`, headers })
}

t.test('what a page may have asked for has its reader limited, and no more', async (t) => {
  for (const headers of IMAGES) {
    const place = await town(t, YAML)
    await ask(place, 15, '/image-', headers)
    t.same(place.bans, [])
    await ask(place, 1, '/sixteenth-', headers)
    t.match(place.bans, [{ who: FROM, scenario: 'scanner', limited: true, reason: /pages of others/ }])
    t.equal((await place.visit({ from: FROM, path: '/a' })).status, 200)
    await ask(place, 30, '/a%2f', headers)
    t.equal(place.bans.length, 1)
    place.now += 2000
    t.equal((await place.visit({ from: FROM, path: '/a' })).status, 200)
  }
})

t.test('a traversal likewise', async (t) => {
  const place = await town(t, YAML)
  await ask(place, 11, '/a%2f', IMAGES[0])
  t.match(place.bans, [{ who: FROM, scenario: 'path-traversal', limited: true }])
})

t.test('the two are counted apart', async (t) => {
  const place = await town(t, YAML)
  await ask(place, 15, '/image-', IMAGES[0])
  await ask(place, 15, '/own-')
  t.same(place.bans, [])
  await ask(place, 1, '/another-')
  t.match(place.bans, [{ who: FROM, limited: false }], 'who scans is banned')
  t.equal((await place.visit({ from: FROM, path: '/a' })).status, 403)
})

t.test('a limit is no shelter: whoever then scans is banned', async (t) => {
  const place = await town(t, YAML)
  await ask(place, 16, '/image-', IMAGES[0])
  await ask(place, 16, '/own-')
  t.match(place.bans, [{ limited: true }, { who: FROM, scenario: 'scanner', limited: false }])
  t.match(await place.visit({ from: FROM, path: '/a' }), { status: 403, policy: 'ban', rule: 'scanner' })
})
