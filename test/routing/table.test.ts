import t from 'tap'
import { HeaderList } from '../../src/headers.ts'
import type { MatchPlan, RoutePlan } from '../../src/plan/route.ts'
import { RouteMatch } from '../../src/routing/match.ts'
import { RouteTable } from '../../src/routing/table.ts'
import { headerList, routePlans } from './fixtures/routes.ts'

interface Asked {
  host?: string
  method?: string
  headers?: HeaderList
  listener?: string
}

function finder(matches: Partial<MatchPlan>[]): (path: string, asked?: Asked) => RouteMatch {
  const table = RouteTable.buildNow(routePlans(matches))
  return (path, { host = '', method = 'GET', headers = new HeaderList(), listener = 'public' } = {}) => {
    const match = new RouteMatch()
    table.find(host, path, method, headers, listener, match)
    return match
  }
}

t.test('an empty table has no route', async (t) => {
  const find = finder([])
  t.equal(find('/').kind, 'none')
  t.equal(find('/').route, -1)
})

t.test('a final slash makes no difference, case and further segments do', async (t) => {
  const find = finder([{ paths: ['/orders'] }, { paths: ['/'] }])
  t.equal(find('/orders').route, 0)
  t.equal(find('/orders/').route, 0)
  t.equal(find('/').route, 1)
  for (const path of ['/Orders', '/orders/1', '/order', '/orders2']) t.equal(find(path).kind, 'none', path)
})

t.test('{x} takes exactly one segment, and is kept encoded', async (t) => {
  const find = finder([{ paths: ['/a/{x}/b/{y}'] }])
  const match = find('/a/1%20/b/2/')
  t.equal(match.route, 0)
  t.equal(match.pathParam('x'), '1%20')
  t.equal(match.pathParam('y'), '2')
  t.equal(match.pathParam('z'), undefined)
  t.same(match.pathNames, ['x', 'y'])
  t.equal(find('/a/1/b').kind, 'none')
  t.equal(find('/a/1/2/b/3').kind, 'none')
})

t.test('/* is the prefix itself and all below, in whole segments', async (t) => {
  const find = finder([{ paths: ['/files/*'] }])
  t.equal(find('/files').rest, '')
  t.equal(find('/files/').rest, '')
  t.equal(find('/files/a/b').rest, 'a/b')
  t.equal(find('/files/a/').rest, 'a/')
  t.equal(find('/files2').kind, 'none')
  t.equal(find('/').kind, 'none')
  t.equal(finder([{ paths: ['/*'] }])('/').route, 0)
  t.equal(finder([{ paths: ['/{x}/*'] }])('/').kind, 'none')
})

t.test('segment by segment: literal over {x} over /*', async (t) => {
  const find = finder([
    { paths: ['/*'] },
    { paths: ['/a/*'] },
    { paths: ['/a/{x}'] },
    { paths: ['/a/b'] },
    { paths: ['/{y}/b'] },
    { paths: ['/{y}'] },
    { paths: ['/a/{x}/c'] },
    { paths: ['/a/b/d'] }
  ])
  const cases: [string, number][] = [
    ['/z/z', 0],
    ['/a', 1],
    ['/a/b/e', 1],
    ['/a/z', 2],
    ['/a/b', 3],
    ['/z/b', 4],
    ['/z', 5],
    ['/a/b/c', 6],
    ['/a/b/d', 7],
    ['/', 0]
  ]
  for (const [path, route] of cases) t.equal(find(path).route, route, path)
})

t.test('turning back from a dead end leaves no value of it behind', async (t) => {
  const find = finder([{ paths: ['/{a}/{b}/{c}/x'] }, { paths: ['/{d}/k/*'] }, { paths: ['/{e}/*'] }])
  const below = find('/1/k/3/y')
  t.equal(below.route, 1)
  t.equal(below.pathParam('d'), '1')
  t.equal(below.rest, '3/y')
  const vaguest = find('/1/2/3/y')
  t.equal(vaguest.route, 2)
  t.equal(vaguest.pathParam('e'), '1')
  t.equal(vaguest.rest, '2/3/y')
})

t.test('exact host over wildcard over none, and only where the path matches too', async (t) => {
  const find = finder([
    { hosts: ['api.example.com'], paths: ['/a'] },
    { hosts: ['{tenant}.example.com'], paths: ['/*'] },
    { hosts: [], paths: ['/a', '/b'] }
  ])
  t.equal(find('/a', { host: 'api.example.com' }).route, 0)
  t.equal(find('/b', { host: 'api.example.com' }).route, 1)
  t.equal(find('/b', { host: 'api.example.com' }).hostParam('tenant'), 'api')
  t.equal(find('/a', { host: 'x.example.com' }).route, 1)
  t.equal(find('/a', { host: 'x.example.com' }).hostParam('other'), undefined)
  for (const host of ['example.com', 'a.b.example.com', 'other.org', '', 'localhost', '::1', '.example.com'])
    t.equal(find('/a', { host }).route, 2, host)
  t.equal(find('/c', { host: 'other.org' }).kind, 'none')
})

t.test('one route keeps the names of the place that matched', async (t) => {
  const find = finder([{ hosts: ['fixed.example.com', '{h}.example.org'], paths: ['/by-id/{id}', '/by-name/{name}'] }])
  const first = find('/by-id/7', { host: 'fixed.example.com' })
  t.equal(first.pathParam('id'), '7')
  t.equal(first.pathParam('name'), undefined)
  t.equal(first.hostName, null)
  const second = find('/by-name/ann', { host: 'shop.example.org' })
  t.equal(second.pathParam('name'), 'ann')
  t.equal(second.hostParam('h'), 'shop')
})

t.test('the wrong method is 405 with what is allowed, never a vaguer route', async (t) => {
  const find = finder([
    { paths: ['/a'], methods: ['POST'] },
    { paths: ['/a'], methods: ['GET', 'HEAD'] },
    { paths: ['/*'], methods: null },
    { hosts: [], paths: ['/{x}'], methods: null }
  ])
  t.equal(find('/a', { method: 'POST' }).route, 0)
  t.equal(find('/a', { method: 'HEAD' }).route, 1)
  const wrong = find('/a', { method: 'DELETE' })
  t.equal(wrong.kind, 'method')
  t.equal(wrong.route, -1)
  t.equal(wrong.allow, 'GET, HEAD, POST')
  t.equal(wrong.rest, '')
  t.equal(find('/a', { method: 'get' }).kind, 'method')
})

t.test('a wrong method on an exact host does not fall to the wildcard host', async (t) => {
  const find = finder([
    { hosts: ['api.example.com'], paths: ['/a'], methods: ['POST'] },
    { hosts: ['*.example.com'], paths: ['/a'] },
    { hosts: [], paths: ['/a'] }
  ])
  t.equal(find('/a', { host: 'api.example.com' }).kind, 'method')
})

t.test('no methods: all but CONNECT and TRACE', async (t) => {
  const find = finder([{ paths: ['/a'] }, { paths: ['/t'], methods: ['TRACE'] }])
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
    t.equal(find('/a', { method }).route, 0, method)
  for (const method of ['TRACE', 'CONNECT', 'PROPFIND', '']) {
    t.equal(find('/a', { method }).kind, 'method', method)
    t.equal(find('/a', { method }).allow, 'GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS')
  }
  t.equal(find('/t', { method: 'TRACE' }).route, 1)
})

t.test('more headers first; a header that fails is 404, unless only the method is wrong', async (t) => {
  const find = finder([
    { paths: ['/a'], methods: ['GET', 'HEAD'] },
    { paths: ['/a'], methods: ['GET'], headers: [{ name: 'x-beta', value: '1' }] },
    {
      paths: ['/a'],
      methods: ['GET'],
      headers: [
        { name: 'x-beta', value: '1' },
        { name: 'x-tier', value: 'gold' }
      ]
    },
    { paths: ['/b'], methods: ['GET'], headers: [{ name: 'x-beta', value: '1' }] },
    { paths: ['/*'] }
  ])
  t.equal(find('/a').route, 0)
  t.equal(find('/a', { headers: headerList('x-beta', '1') }).route, 1)
  t.equal(find('/a', { headers: headerList('x-tier', 'gold', 'x-beta', '1') }).route, 2)
  t.equal(find('/a', { headers: headerList('x-beta', '2') }).route, 0)
  t.equal(
    find('/a', { headers: headerList('x-beta', '1', 'x-beta', '2') }).route,
    0,
    'a field sent twice equals nothing'
  )
  t.equal(find('/a', { method: 'POST', headers: headerList('x-beta', '1') }).allow, 'GET, HEAD')
  t.equal(find('/b').kind, 'none')
  t.equal(find('/b', { method: 'POST' }).kind, 'none')
  t.equal(find('/b', { method: 'POST', headers: headerList('x-beta', '1') }).allow, 'GET')
})

t.test('a route of another listener does not exist here', async (t) => {
  const find = finder([
    { paths: ['/admin'], methods: ['POST'], listeners: ['inner'] },
    { paths: ['/admin/*'], listeners: ['inner'] },
    { paths: ['/*'] },
    { hosts: ['api.example.com'], paths: ['/*'], listeners: ['inner', 'other'] }
  ])
  t.equal(find('/admin').route, 2)
  t.equal(find('/admin/x').route, 2)
  t.equal(find('/admin', { listener: 'inner' }).kind, 'method')
  t.equal(find('/admin', { listener: 'inner', method: 'POST' }).route, 0)
  t.equal(find('/admin/x', { listener: 'inner' }).route, 1)
  t.equal(find('/x', { host: 'api.example.com' }).route, 2)
  t.equal(find('/x', { host: 'api.example.com', listener: 'other' }).route, 3)
})

t.test('one place with routes of two listeners offers each its own', async (t) => {
  const find = finder([
    { paths: ['/a'], methods: ['GET'], listeners: ['public'] },
    { paths: ['/a'], methods: ['DELETE'], listeners: ['inner'] }
  ])
  t.equal(find('/a', { method: 'DELETE' }).allow, 'GET')
  t.equal(find('/a', { method: 'DELETE', listener: 'inner' }).route, 1)
  t.equal(find('/a', { method: 'DELETE', listener: 'third' }).kind, 'none')
})

t.test('a result can be used again', async (t) => {
  const table = RouteTable.buildNow(routePlans([{ paths: ['/a/{x}'] }, { paths: ['/b/*'], methods: ['GET'] }]))
  const match = new RouteMatch()
  table.find('', '/a/1', 'GET', new HeaderList(), 'public', match)
  table.find('', '/b/2', 'GET', new HeaderList(), 'public', match)
  t.equal(match.route, 1)
  t.equal(match.pathParam('x'), undefined)
  t.equal(match.rest, '2')
  table.find('', '/b/2', 'POST', new HeaderList(), 'public', match)
  t.equal(match.route, -1)
  t.equal(match.rest, '')
  table.find('', '/c', 'GET', new HeaderList(), 'public', match)
  t.equal(match.allow, '')
  t.equal(match.kind, 'none')
})

t.test('names that objects have are ordinary segments and hosts', async (t) => {
  const find = finder([{ paths: ['/a'] }])
  for (const name of ['__proto__', 'constructor', 'toString']) {
    t.equal(find(`/${name}`).kind, 'none')
    t.equal(find('/a', { host: name }).route, 0)
  }
})

t.test('many children of one segment are all found, and no others', async (t) => {
  const names = Array.from({ length: 3000 }, (_, i) => `s${i}`)
  const find = finder(names.map((name) => ({ paths: [`/${name}`] })))
  for (const [i, name] of names.entries()) if (find(`/${name}`).route !== i) t.fail(name)
  for (let i = 3000; i < 6000; i++) if (find(`/s${i}`).kind !== 'none') t.fail(`s${i}`)
  t.pass('all looked up')
})

t.test('10,000 routes take no more steps than ten', async (t) => {
  const matches = (count: number): Partial<MatchPlan>[] =>
    Array.from({ length: count }, (_, i) => ({
      hosts: [`h${i % 10}.example.com`],
      paths: [`/v1/t${i}/orders/{id}`, `/v1/t${i}/files/*`]
    }))
  const few = finder(matches(10))
  const many = finder(matches(10_000))
  for (const path of ['/v1/t3/orders/7', '/v1/t3/files/a/b', '/v1/nothing/x']) {
    const asked = { host: 'h3.example.com' }
    t.equal(many(path, asked).steps, few(path, asked).steps, path)
  }
  t.equal(many('/v1/t9993/orders/7', { host: 'h3.example.com' }).route, 9993)
})

t.test('turning back visits a node once, however the path is made', async (t) => {
  // Every mix of `a` and `{x}` over eight segments, all ending in `end`: the worst tree for backtracking.
  const paths = Array.from({ length: 256 }, (_, bits) =>
    Array.from({ length: 8 }, (_, i) => (bits & (1 << i) ? '/a' : `/{p${i}}`)).join('')
  ).map((path) => `${path}/end`)
  const find = finder([{ paths }, { paths: ['/*'] }])
  const hostile = find(`${'/a'.repeat(8)}/miss`)
  t.equal(hostile.route, 1)
  t.ok(hostile.steps <= 511, `${hostile.steps} of 768 nodes`)
  const deep = find('/a'.repeat(8000))
  t.equal(deep.route, 1)
  t.ok(deep.steps <= 511, `${deep.steps} steps for 8000 segments`)
})

t.test('a build in slices gives the same table and pauses when told to', async (t) => {
  const plans: RoutePlan[] = routePlans(Array.from({ length: 1000 }, (_, i) => ({ paths: [`/r${i}`, `/r${i}/{x}`] })))
  let asked = 0
  let paused = 0
  const table = await RouteTable.build(plans, () => {
    if (++asked % 2 === 0) return null
    return new Promise((resolve) => {
      setImmediate(() => {
        paused++
        resolve()
      })
    })
  })
  // A step for each of 2,000 places, and for each node: of both segments, and the root.
  t.equal(asked, Math.floor((2000 + 2001) / 64))
  t.equal(paused, Math.ceil(asked / 2))
  const match = new RouteMatch()
  table.find('', '/r999/7', 'GET', new HeaderList(), 'public', match)
  t.equal(match.route, 999)
})
