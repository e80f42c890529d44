import t from 'tap'
import { stateDirOf } from '../../../src/control/compile/index.ts'
import { compile, errorsOf, folderOf, load, planOf, saysExactly, warningsOf } from './configuration.ts'

function listen(listeners: string, more = ''): string {
  return `version: 1
listen: [ ${listeners} ]
services: [ { name: s, url: "http://127.0.0.1:9", policies: { auth: public }, routes: [ { name: r, match: { paths: [/] } } ] } ]
${more}`
}

t.test('names and addresses are unique; port 0 is another one each time', async (t) => {
  t.strictSame(errorsOf(listen('{ name: a, address: "127.0.0.1:0" }, { name: b, address: "127.0.0.1:0" }')), [])
  saysExactly(t, errorsOf(listen('{ address: "127.0.0.1:0" }, { address: "127.0.0.1:0" }')), [
    /listen\[1\]: another listener is called/
  ])
  saysExactly(t, errorsOf(listen('{ name: a, address: "127.0.0.1:1" }, { name: a, address: "127.0.0.1:2" }')), [
    /listen\[1\]\.name: /
  ])
  saysExactly(t, errorsOf(listen('{ name: all, address: "127.0.0.1:1" }, { name: public, address: "127.0.0.1:2" }')), [
    /listen\[0\]\.name: .*"all" is reserved/
  ])
  saysExactly(t, errorsOf(listen('{ address: "127.0.0.1:1" }, { name: b, address: "127.0.0.1:1" }')), [
    /listen\[1\]\.address: .*taken/
  ])
})

t.test('an address that a wildcard contains is taken', async (t) => {
  const pairs = [
    ['0.0.0.0:80', '127.0.0.1:80', 1],
    ['10.0.0.1:80', '0.0.0.0:80', 1],
    ['[::]:80', '127.0.0.1:80', 1],
    ['[::]:80', '0.0.0.0:80', 1],
    ['0.0.0.0:80', '[::1]:80', 0],
    ['0.0.0.0:80', '127.0.0.1:81', 0]
  ] as const
  for (const [a, b, errors] of pairs)
    t.equal(errorsOf(listen(`{ address: "${a}" }, { address: "${b}" }`)).length, errors, `${a} ${b}`)
})

t.test('ports end at 65535', async (t) => {
  t.strictSame(errorsOf(listen('{ address: "127.0.0.1:65535" }')), [])
  saysExactly(t, errorsOf(listen('{ address: "127.0.0.1:65536" }')), [/listen\[0\]\.address: /])
})

t.test('TLS needs a certificate', async (t) => {
  saysExactly(t, errorsOf(listen('{ address: "127.0.0.1:0", tls: true }')), [/listen\[0\]: .*certificate/])
})

t.test('a redirect goes to the first TLS listener, or to the port it names', async (t) => {
  saysExactly(t, errorsOf(listen('{ address: "127.0.0.1:1", redirect: https }, { address: "127.0.0.1:2" }')), [
    /listen\[0\]\.redirect: /
  ])
  const plan = planOf(listen('{ address: "127.0.0.1:1", redirect: "https:8443" }, { address: "127.0.0.1:2" }'))
  t.strictSame(
    plan.listeners.map(({ redirect }) => redirect),
    [{ port: 8443 }, null]
  )
  saysExactly(t, errorsOf(listen('{ address: "127.0.0.1:1", redirect: "https:8443" }')), [
    /^2:\d+ listen: every listener redirects/
  ])
})

t.test('only a trusted proxy may speak for a client', async (t) => {
  for (const source of ['x-forwarded-for', 'forwarded', '"header:x-a"', 'proxy-protocol'])
    saysExactly(t, errorsOf(listen('{ address: "127.0.0.1:0" }', `client: { addressFrom: ${source} }\n`)), [
      /client\.addressFrom: .*trustedProxies/
    ])
  const proxied =
    '{ address: "127.0.0.1:0", tls: true, client: { addressFrom: proxy-protocol, trustedProxies: [10.0.0.1] } }'
  t.match(errorsOf(listen(proxied)), [/listen\[0\]/, /proxy-protocol.*plain/])
})

t.test('bodies without a length are warned of behind a proxy', async (t) => {
  const proxies = 'client: { trustedProxies: [10.0.0.1]'
  saysExactly(t, warningsOf(listen('{ address: "127.0.0.1:0" }', `${proxies} }\n`)), [
    /^4:\d+ client\.trustedProxies: .*chunked: refuse/
  ])
  t.strictSame(warningsOf(listen('{ address: "127.0.0.1:0" }', `${proxies}, chunked: refuse }\n`)), [])
  saysExactly(t, warningsOf(listen('{ address: "127.0.0.1:0", client: { trustedProxies: [10.0.0.1] } }')), [
    /listen\[0\]\.client\.trustedProxies: /
  ])
  saysExactly(
    t,
    warningsOf(listen('{ address: "127.0.0.1:0", client: { chunked: accept } }', `${proxies}, chunked: refuse }\n`)),
    [/^4:\d+ client\.trustedProxies: /],
    'a listener that takes them again'
  )
})

t.test('the log’s path is taken from where it is written', async (t) => {
  const folder = folderOf()
  const { plan } = compile(listen('{ address: "127.0.0.1:0" }', 'log: { access: logs/access.log }\n'), folder)
  t.strictSame(plan?.log, { access: { kind: 'file', path: `${folder}/logs/access.log` }, level: 'info' })
})

t.test('state is beside the configuration, unless it says where', async (t) => {
  const folder = folderOf()
  const yaml = listen('{ address: "127.0.0.1:0" }')
  t.equal(stateDirOf(load(yaml, folder)), `${folder}/var`)
  t.equal(
    stateDirOf(load(`${yaml}state: { dir: ../other }\n`, folder)),
    new URL('../other', `file://${folder}/`).pathname
  )
  t.equal(stateDirOf(load(`${yaml}state: { dir: /srv/gate }\n`, folder)), '/srv/gate')
})

t.test('what a client may have of connections: at the top, and a listener that says otherwise', async (t) => {
  const { listeners } = planOf(
    listen(
      '{ address: "127.0.0.1:1" }, { name: own, address: "127.0.0.1:2", client: { connections: { rate: 600/min } } }',
      'client: { connections: { max: 200, rate: 50/s } }'
    )
  )
  const [shared, own] = listeners.map(({ client }) => client.connections)
  t.match(shared, { level: 'client', max: 200, rate: { count: 50, period: 1000 }, where: /:4:/ })
  t.match(own, { level: 'listener own', max: null, rate: { count: 600, period: 60_000 }, where: /:2:/ })
  t.equal(planOf(listen('{ address: "127.0.0.1:1" }')).listeners[0]?.client.connections, undefined)
})

t.test('a cap on connections says a number', async (t) => {
  const bad = (connections: string): string[] =>
    errorsOf(listen('{ address: "127.0.0.1:1" }', `client: { connections: ${connections} }`))
  t.strictSame(bad('{ max: 1 }'), [])
  t.strictSame(bad('{ max: 1048575 }'), [])
  saysExactly(t, bad('{ max: 0 }'), [/client\.connections\.max: .*1 to 1048575/])
  saysExactly(t, bad('{ max: 1048576 }'), [/client\.connections\.max: /])
  saysExactly(t, bad('{ rate: 50 }'), [/client\.connections\.rate: /])
  saysExactly(t, bad('{ rate: 0/s }'), [/client\.connections\.rate: /])
  saysExactly(t, bad('{ maxx: 1 }'), [/did you mean "max"/])
  t.ok(bad('{}').length > 0)
})
