import t from 'tap'
import { parseTemplate } from '../../../src/control/compile/templates.ts'
import { danglingName, parseKeyPart } from '../../../src/control/config/key-parts.ts'
import { nearest } from '../../../src/control/config/nearest.ts'

const scope = { path: ['id'], host: ['tenant'], wildcard: true }

t.test('every word of by is read, with and without name', async (t) => {
  for (const word of ['ip', 'caller', 'consumer', 'credential', 'route', 'service', 'host', 'path', 'all'])
    t.strictSame(parseKeyPart(word), { part: { kind: word } })
  for (const word of ['header', 'cookie', 'query', 'claim', 'attribute'])
    t.strictSame(parseKeyPart(`${word}:a`), { part: { kind: word, name: 'a' } })
  t.strictSame(parseKeyPart('path:id'), { part: { kind: 'path-name', name: 'id' } })
  t.strictSame(parseKeyPart('host:tenant'), { part: { kind: 'host-name', name: 'tenant' } })
  t.strictSame(parseKeyPart('header:X-Key'), { part: { kind: 'header', name: 'x-key' } })
  t.strictSame(parseKeyPart('claim:https://a.example/x'), { part: { kind: 'claim', name: 'https://a.example/x' } })
})

t.test('what is no word of by is told what would be', async (t) => {
  const reasons = {
    '': /none of ip /,
    header: /needs a name, as in header:x-tenant/,
    'claim:': /needs a name, as in claim:sub/,
    'ip:x': /"ip" takes no name/,
    'haeder:x': /did you mean header\?/,
    'header:a b': /can't be the name of a header/,
    'cookie:a;b': /can't be the name of a cookie/,
    constructor: /none of ip /
  }
  for (const [word, reason] of Object.entries(reasons)) t.match(parseKeyPart(word), { reason }, word)
})

t.test('names of patterns are checked against the route', async (t) => {
  t.equal(danglingName({ kind: 'path-name', name: 'id' }, scope), null)
  t.equal(danglingName({ kind: 'claim', name: 'nr' }, scope), null)
  t.match(
    danglingName({ kind: 'path-name', name: 'ids' }, scope),
    /path:ids needs \{ids\} in every path .*did you mean id\?/
  )
  t.match(danglingName({ kind: 'host-name', name: 'id' }, scope), /host:id needs \{id\} in every host/)
})

t.test('a template is literals and values in order', async (t) => {
  t.strictSame(parseTemplate('a{claim:sub}-{path:id}', 'header', scope), {
    template: ['a', { kind: 'claim', name: 'sub' }, '-', { kind: 'path-name', name: 'id' }],
    reasons: []
  })
  t.strictSame(parseTemplate('/v2/{id}/{*}', 'rewrite', scope).template, [
    '/v2/',
    { kind: 'path-name', name: 'id' },
    '/',
    { kind: 'rest' }
  ])
  t.strictSame(parseTemplate('{id}{ip}', 'answer', scope).template, [{ kind: 'path-name', name: 'id' }, { kind: 'ip' }])
  t.strictSame(parseTemplate('plain', 'header', scope).template, ['plain'])
  t.strictSame(parseTemplate('', 'answer', scope).template, [''])
})

t.test('braces around anything but a word are literal, and {{ is a brace', async (t) => {
  for (const text of ['{"a":{"b":1}}', '{}', '{ id }', 'a}b{c'])
    t.strictSame(parseTemplate(text, 'answer', scope), { template: [text], reasons: [] })
  t.strictSame(parseTemplate('{{id}', 'answer', scope).template, ['{id}'])
})

t.test('every value that can’t be is named', async (t) => {
  t.match(parseTemplate('{claims:sub}{path:nr}{id}', 'header', scope).reasons, [
    /^\{claims:sub\}: .*did you mean claim/,
    /^\{path:nr\}: /,
    /^\{id\}: write \{path:id\}/
  ])
  t.match(parseTemplate('{*}', 'header', { ...scope, wildcard: false }).reasons, [/^\{\*\}: only where/])
})

t.test('the nearest known word is what was probably meant', async (t) => {
  t.equal(nearest('crop', ['corp', 'acme']), 'corp', 'two letters swapped')
  t.equal(nearest('audience', ['audiences', 'algorithms']), 'audiences')
  t.equal(nearest('xyz', ['corp', 'acme']), null)
  t.equal(nearest('', ['corp']), null)
  t.equal(nearest('corp', []), null)
})
