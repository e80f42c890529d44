/**
 * `/admin;x` is no `/admin` to the gateway, and one to services that drop `;parameters` before they look (Tomcat, Jetty,
 * Spring): it came to a guarded path of theirs through a public catch-all.
 */
import t from 'tap'
import { withoutPathParameters } from '../../src/path.ts'
import { pipeline } from '../pipeline/kit.ts'

t.test('a path without its parameters', async (t) => {
  for (const [path, bare] of [
    ['/a/b', '/a/b'],
    ['/a;x=1/b;y', '/a/b'],
    ['/a%3Bx/b', '/a/b'],
    ['/a;x%3By/%3B;', '/a/'],
    ['/;x/a', '/a'],
    ['/a/;x', '/a/'],
    ['/a/.%3Bx', '/a/']
  ] as const)
    t.equal(withoutPathParameters(path), bare, path)
})

t.test('parameters choose no route', async (t) => {
  const stages = await pipeline(
    t,
    `version: 1
listen: [ { address: "127.0.0.1:0" } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public }
    routes:
      - { name: admin, match: { paths: ["/admin/*"] }, policies: { auth: { key: true } } }
      - { name: read, match: { methods: [GET], paths: ["/items/{id}"] } }
      - { name: any, match: { paths: ["/*"] } }
`
  )
  const asked = async (target: string, method = 'GET'): Promise<string> => {
    const { x, what } = await stages.decide({ target, method })
    return x.route === null ? what : x.route.plan.name
  }
  for (const target of ['/admin;x', '/admin%3bx/y', '/;/admin', '/%3B/admin/', '/;a=b/;/admin;c'])
    t.equal(await asked(target), 'no-route', target)
  t.equal(await asked('/items;x/7', 'DELETE'), 'no-route', 'nor the method that its place lacks')
  for (const [target, route] of [
    ['/admin', 's.admin'],
    ['/admin/x;y=1', 's.admin'],
    ['/items/7;v=2', 's.read'],
    ['/other;x/y;z', 's.any']
  ] as const)
    t.equal(await asked(target), route, target)
})
