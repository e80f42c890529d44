import t from 'tap'
import { tagOfName } from '../../../src/threats/tag.ts'
import { compile } from './configuration.ts'

const yaml = (threats: string, routes: string): string => `version: 1
listen: [ { address: "127.0.0.1:8080" } ]
threats: ${threats}
services: [ { name: s, url: "http://127.0.0.1:9000", policies: { auth: public }, routes: [ ${routes} ] } ]
`
const ROUTE = '{ name: r, match: { paths: ["/a"] } }'
const errors = (threats: string, routes = ROUTE): string[] =>
  compile(yaml(threats, routes)).findings.map(({ where, path, message }) => `${where} ${path}: ${message}`)
const widenings = (threats: string): string[] => compile(yaml(threats, ROUTE)).widenings.map(({ message }) => message)

const BAN = 'count: { status: [404] }, by: ip, rate: 1/min, ban: 10m'

t.test('what is built in, and what takes it away', async (t) => {
  const { plan } = compile(yaml('{ mode: enforce }', ROUTE))
  t.same(
    plan?.threats.scenarios.map(({ name }) => name),
    ['scanner', 'path-traversal', 'credential-stuffing', 'account-stuffing', 'object-enumeration']
  )
  t.ok(plan?.threats.scenarios.every(({ count }) => count.distinct !== null && !count.statuses?.includes(429)))
  t.same(widenings('{ mode: enforce }'), [])
  const none = compile(yaml('{ bans: none, honeypots: ["/trap"] }', ROUTE))
  t.same(none.plan?.threats.scenarios, [])
  t.same(
    none.plan?.threats.honeypots.map(({ paths }) => paths),
    [['/trap']],
    'what is written stands'
  )
  t.same(widenings('{ bans: none }'), ['bans: none drops every built-in ban and honeypot'])
  t.same(widenings('{ honeypots: none }'), ['honeypots: none drops the built-in ones'])
  t.same(widenings(`{ bans: [ { name: scanner, ${BAN} } ] }`), ['replaces the built-in ban scanner'])
  t.same(widenings(`{ bans: [ { name: other, ${BAN} } ] }`), [])
  t.same(widenings('{ mode: shadow }'), ['no ban and no honeypot refuses: they only count and log'])
})

t.test('a honeypot that a literal route answers is refused, with both their places', async (t) => {
  const git = '{ name: git, match: { paths: ["/.git/config"], hosts: ["a.example"] } }'
  t.same(errors('{ honeypots: ["/x", "/.git/config/"] }', git), [
    'g.yaml:3:30 threats.honeypots[1]: a honeypot bans whoever asks for it, and the route s.git (g.yaml:4:92) answers it'
  ])
  t.match(errors('{ honeypots: [ { paths: ["/.git/config"], hosts: ["a.example"] } ] }', git), [/the route s\.git/])
  t.match(errors('{ honeypots: [ { paths: ["/.git/config"], hosts: ["*.example"] } ] }', git), [/the route s\.git/])
  t.same(errors('{ honeypots: [ { paths: ["/.git/config"], hosts: ["b.example"] } ] }', git), [], 'on another host')
  t.same(errors('{ honeypots: ["/.git/config"] }', '{ name: any, match: { paths: ["/*", "/{a}/config"] } }'), [])
  t.notOk(
    compile(yaml('{ mode: enforce }', git)).plan?.threats.honeypots.some(({ paths }) => paths.includes('/.git/config')),
    'a built-in one gives way'
  )
})

t.test('scenarios that can’t be', async (t) => {
  t.match(errors(`{ bans: [ { name: honeypot, ${BAN} } ] }`), [/honeypot names bans that no scenario makes/])
  t.match(errors(`{ bans: [ { name: x, ${BAN}, max: 5m } ] }`), [/shorter than the first one/])
  t.match(errors('{ bans: [ { name: x, count: { status: [404] }, by: [account, ip], rate: 1/min, ban: 1m } ] }'), [
    /account stands alone/
  ])
  t.match(errors('{ bans: [ { name: x, count: { status: [404] }, by: "path:id", rate: 1/min, ban: 1m } ] }'), [
    /path:id is a name of one route’s/
  ])
  t.match(errors('{ bans: [ { name: x, count: { status: [429] }, by: ip, rate: 1/min, ban: 1m } ] }'), [
    /429s ban clients/
  ])
  const twin = twinOf('scanner')
  t.match(errors(`{ bans: [ { name: ${twin}, ${BAN} } ] }`), [/can't be told from scanner in the ban table/])
})

/** Another name with the same 16 bits. */
function twinOf(name: string): string {
  for (let i = 0; ; i++) if (tagOfName(`n${i}`) === tagOfName(name)) return `n${i}`
}
