/** A honeypot at a listener's `ready` was taken: there it never caught anybody, and elsewhere it banned whoever checks health. */
import t from 'tap'
import { compile } from '../control/compile/configuration.ts'

const yaml = (ready: string, honeypots: string): string => `version: 1
listen:
  - { name: plain, address: "127.0.0.1:8080" }
  - { name: other, address: "127.0.0.1:8081", ready: ${ready} }
threats: { honeypots: ${honeypots} }
services: [ { name: s, url: "http://127.0.0.1:9000", policies: { auth: public }, routes: [ { name: r, match: { paths: ["/a"] } } ] } ]
`
const errors = (honeypots: string): string[] =>
  compile(yaml('/-/ready', honeypots)).findings.map(({ where, path, message }) => `${where} ${path}: ${message}`)

t.test('it is refused, with both their places', async (t) => {
  t.match(errors('["/x", "/-/ready"]'), [
    /^g\.yaml:5:\d+ threats\.honeypots\[1\]: .*`ready` of the listener other \(g\.yaml:4:\d+\) answers it/
  ])
  t.match(
    errors('[ { paths: ["/-/ready/"], hosts: ["a.example"] } ]'),
    [/`ready` of the listener other/],
    'on any host'
  )
  t.same(errors('["/-/read"]'), [])
})

t.test('a built-in one gives way', async (t) => {
  const { findings, plan } = compile(yaml('/.env', '["/x"]'))
  t.same(findings, [])
  t.notOk(plan?.threats.honeypots.some(({ paths }) => paths.includes('/.env')))
})
