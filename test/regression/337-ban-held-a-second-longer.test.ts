/** The table of bans knew whole seconds only: `ban: 1s` held for up to two. */
import t from 'tap'
import { town } from '../threats/kit.ts'

t.test('a ban holds for as long as it says, and up to 16 ms more', async (t) => {
  const place = await town(
    t,
    `version: 1
listen: [ { address: "127.0.0.1:0" } ]
threats: { bans: [ { name: short, count: { status: [418] }, by: ip, rate: 1/s, ban: 1s, escalate: 1, max: 1s } ] }
services: [ { name: s, url: "http://127.0.0.1:9", routes: [ { name: r, match: { paths: [/r] }, policies: { auth: public } } ] } ]
`
  )
  const status = async (service = 200): Promise<number> =>
    (await place.visit({ from: '192.0.2.1', path: '/r', service })).status
  for (const start of [0, 1, 250, 999]) {
    place.now = Date.UTC(2026, 10, 23) + 10_000 * (1 + start) + start
    await status(418)
    await status(418)
    const banned = place.now
    t.equal(await status(), 403)
    place.now = banned + 999
    t.equal(await status(), 403, `${start}: never early`)
    place.now = banned + 1016
    t.equal(await status(), 200, `${start}: nor a second late`)
  }
})
