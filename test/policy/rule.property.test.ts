import { Environment } from '@marcbachmann/cel-js'
import fc from 'fast-check'
import t from 'tap'
import { compileRule } from '../../src/policy/rule.ts'
import { requestView, type ViewParts } from './view.ts'

/**
 * expression.ts against the library it takes the place of: random well-typed rules over random requests must come
 * out the same, errors included.
 */
const library = new Environment()
  .registerVariable({
    name: 'request',
    schema: { method: 'string', path: 'string', size: 'int', headers: 'map<string, string>' }
  })
  .registerVariable({
    name: 'caller',
    schema: { subject: 'string', groups: 'list<string>', scopes: 'list<string>', attributes: 'map<string, dyn>' }
  })
  .registerVariable({ name: 'consumer', schema: { name: 'string' } })
  .registerVariable('claims', 'map<string, dyn>')
  .registerVariable('query', 'map<string, string>')
  .registerVariable('path', 'map<string, string>')
  .registerVariable('now', 'google.protobuf.Timestamp')

type Expressions = {
  bool: string
  text: string
  int: string
  double: string
  list: string
  dyn: string
}

const WORDS = ['', 'a', 'b', 'staff', 'staffing', 'é', 'A b']
const word = fc.constantFrom(...WORDS.map((w) => JSON.stringify(w)))
const pair = (a: fc.Arbitrary<string>, op: fc.Arbitrary<string>, b: fc.Arbitrary<string>) =>
  fc.tuple(a, op, b).map(([x, o, y]) => `(${x} ${o} ${y})`)
const call = (a: fc.Arbitrary<string>, name: string, b: fc.Arbitrary<string>) =>
  fc.tuple(a, b).map(([x, y]) => `${x}.${name}(${y})`)

const { bool } = fc.letrec<Expressions>((tie) => ({
  text: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    word,
    fc.constantFrom(
      'request.method',
      'request.path',
      'caller.subject',
      'consumer.name',
      'path.id',
      'query.q',
      'query.none'
    ),
    fc.constantFrom('request.headers["x-a"]', 'request.headers["x-none"]', 'query["q"]'),
    pair(tie('text'), fc.constant('+'), tie('text')),
    tie('int').map((x) => `string(${x})`),
    tie('text').map((x) => `${x}.lowerAscii()`),
    tie('text').map((x) => `${x}.trim()`),
    tie('list').map((x) => `${x}.join("a")`),
    fc.tuple(tie('bool'), tie('text'), tie('text')).map(([c, a, b]) => `(${c} ? ${a} : ${b})`),
    fc.tuple(tie('list'), tie('int')).map(([l, i]) => `${l}[${i}]`)
  ),
  int: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.integer({ min: -3, max: 9 }).map(String),
    fc.constant('request.size'),
    pair(tie('int'), fc.constantFrom('+', '-', '*', '/', '%'), tie('int')),
    tie('text').map((x) => `size(${x})`),
    tie('list').map((x) => `${x}.size()`),
    tie('double').map((x) => `int(${x})`),
    call(tie('text'), 'indexOf', tie('text')),
    fc.constantFrom(
      'size(claims)',
      'size(query)',
      'size(path)',
      'now.getFullYear()',
      'int(claims.age)',
      'int("42")',
      '-request.size'
    )
  ),
  double: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('0.0', '1.5', '2.0', '-1.0', 'double(claims.age)', 'double("2.5")'),
    pair(tie('double'), fc.constantFrom('+', '-', '*', '/'), tie('double')),
    tie('int').map((x) => `double(${x})`)
  ),
  list: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('caller.groups', 'caller.scopes', '["a", "staff"]'),
    fc.array(tie('text'), { minLength: 1, maxLength: 3 }).map((x) => `[${x.join(', ')}]`),
    pair(tie('list'), fc.constant('+'), tie('list')),
    call(tie('text'), 'split', word)
  ),
  dyn: fc.constantFrom(
    'claims.tenant',
    'claims.age',
    'claims.roles',
    'claims.deep',
    'claims.deep.er',
    'claims.none',
    'claims.nothing',
    'claims["tenant"]',
    'claims.flag',
    'caller.attributes.tier',
    'claims.roles[0]',
    'claims.mixed[1]'
  ),
  bool: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.constantFrom(
      'true',
      'false',
      'has(claims.tenant)',
      'has(claims.none)',
      'has(claims.deep.er)',
      'has(claims.none.x)'
    ),
    fc.constantFrom('has(claims.tenant.x)', 'has(request.headers.none)', 'has(query.q)', 'has(caller.attributes.tier)'),
    fc.constantFrom(
      'claims.flag',
      '!claims.flag',
      'now > timestamp("2020-01-01T00:00:00Z")',
      'now - duration("1h") < now'
    ),
    fc.constantFrom(
      '"x-a" in request.headers',
      '"q" in query',
      '"none" in query',
      '"er" in claims.deep',
      '"tenant" in claims'
    ),
    fc.constantFrom(
      'query.all(k, k != "z")',
      'claims.exists(k, k == "tenant")',
      'request.headers.exists_one(k, k == "x-a")'
    ),
    pair(tie('bool'), fc.constantFrom('&&', '||'), tie('bool')),
    pair(tie('bool'), fc.constantFrom('&&', '||'), tie('bool')),
    tie('bool').map((x) => `!(${x})`),
    pair(tie('text'), fc.constantFrom('==', '!=', '<', '<=', '>', '>='), tie('text')),
    pair(tie('int'), fc.constantFrom('==', '!=', '<', '<=', '>', '>='), tie('int')),
    pair(tie('double'), fc.constantFrom('==', '!=', '<', '>='), tie('double')),
    pair(tie('int'), fc.constantFrom('<', '<=', '>', '>='), tie('double')),
    pair(tie('list'), fc.constantFrom('==', '!='), tie('list')),
    pair(
      tie('dyn'),
      fc.constantFrom('==', '!='),
      fc.oneof(tie('dyn'), tie('text'), tie('int'), tie('double'), tie('list'))
    ),
    pair(fc.oneof(tie('text'), tie('int'), tie('double')), fc.constantFrom('==', '!='), tie('dyn')),
    pair(tie('dyn'), fc.constantFrom('<', '>='), fc.oneof(tie('text'), tie('int'), tie('double'))),
    pair(tie('text'), fc.constant('in'), tie('list')),
    pair(tie('text'), fc.constant('in'), tie('dyn')),
    call(tie('text'), 'startsWith', tie('text')),
    call(tie('text'), 'endsWith', tie('text')),
    call(tie('text'), 'contains', tie('text')),
    call(tie('dyn'), 'startsWith', tie('text')),
    fc
      .tuple(tie('list'), fc.constantFrom('all', 'exists', 'exists_one'), word)
      .map(([l, m, w]) => `${l}.${m}(g, g == ${w})`),
    fc
      .tuple(tie('dyn'), fc.constantFrom('all', 'exists'), word)
      .map(([l, m, w]) => `${l}.${m}(g, g == ${w} || g < "c")`),
    fc
      .tuple(tie('list'), word)
      .map(([l, w]) => `${l}.filter(g, g.startsWith(${w})).map(h, h + "!").exists(i, i != "a!")`),
    fc.tuple(tie('list'), tie('list')).map(([a, b]) => `${a}.exists(g, ${b}.exists(h, g == h))`),
    fc.tuple(tie('bool'), tie('bool'), tie('bool')).map(([c, a, b]) => `(${c} ? ${a} : ${b})`)
  )
}))

const claim = fc.oneof(
  fc.constantFrom('a', 'staff', '7'),
  fc.constantFrom(1, 2, 2.5, 30),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.constantFrom('a', 'staff', 'b'), { maxLength: 3 }),
  fc.record({ er: fc.constantFrom('a', 1) }, { requiredKeys: [] })
)
const request: fc.Arbitrary<ViewParts> = fc.record({
  method: fc.constantFrom('GET', 'POST'),
  size: fc.constantFrom(-1, 0, 2),
  query: fc.constantFrom('', 'q=a', 'q=staff&r=%C3%A9', 'r=1'),
  pathParams: fc.record({ id: fc.constantFrom('a', 'staff', '%C3%A9') }),
  headers: fc.constantFrom<[string, string][]>(
    [],
    [['x-a', 'a']],
    [
      ['x-a', 'staff'],
      ['x-b', 'b']
    ]
  ),
  caller: fc.record({
    subject: fc.constantFrom('', 'a'),
    consumer: fc.constantFrom('', 'staff'),
    groups: fc.array(fc.constantFrom('a', 'staff'), { maxLength: 3 }),
    scopes: fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 }),
    attributes: fc.record({ tier: claim }, { requiredKeys: [] }),
    claims: fc.record(
      {
        tenant: claim,
        age: claim,
        roles: claim,
        deep: claim,
        nothing: fc.constant(null),
        flag: claim,
        mixed: fc.constantFrom([1, 'a'], [])
      },
      { requiredKeys: [] }
    )
  })
})

const NOW = Date.UTC(2027, 0, 2)

function byLibrary(source: string, parts: ViewParts): string {
  const view = requestView(parts)
  const text = (encoded: string | undefined) => decodeURIComponent(encoded ?? '')
  try {
    const value: unknown = library.parse(source)({
      request: { method: view.method, path: view.path, size: BigInt(view.size), headers: new Map(parts.headers) },
      caller: view.caller,
      consumer: { name: view.caller.consumer },
      claims: view.caller.claims,
      query: new Map(new URLSearchParams(view.query)),
      path: new Map([['id', text(view.pathParam('id'))]]),
      now: new Date(NOW)
    })
    return typeof value === 'boolean' ? String(value) : 'fault'
  } catch {
    return 'fault'
  }
}

t.test('a compiled rule decides as the library does', async (t) => {
  let compiled = 0
  fc.assert(
    fc.property(bool, fc.array(request, { minLength: 4, maxLength: 4 }), (source, requests) => {
      const checked = library.parse(source).check()
      fc.pre(checked.valid && checked.type === 'bool')
      const ours = compileRule(source, { path: ['id'], host: [] })
      if (!ours.ok) throw new Error(`${ours.message} at ${ours.column}`)
      compiled++
      for (const parts of requests) {
        const result = ours.rule.evaluate(requestView(parts), NOW)
        const here = typeof result === 'boolean' ? String(result) : 'fault'
        const there = byLibrary(source, parts)
        if (here !== there) {
          throw new Error(`here ${here} ${typeof result === 'object' ? result.reason : ''}, there ${there}`)
        }
      }
    }),
    { numRuns: 800, seed: 8341 }
  )
  t.ok(compiled >= 800, 'most generated rules are well-typed')
})
