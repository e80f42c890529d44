import t from 'tap'
import { parseHostPattern, parsePattern } from '../../src/routing/pattern.ts'

t.test('path patterns are brought to the form requests have', async (t) => {
  const cases: [string, string, string[], boolean][] = [
    ['/', '/', [], false],
    ['/a', '/a', [], false],
    ['/a/', '/a', [], false],
    ['//a//b', '/a/b', [], false],
    ['/%7Eann/%c3%a9', '/~ann/%C3%A9', [], false],
    ['/a/{id}', '/a/{id}', ['id'], false],
    ['/{a}/x/{b_2}/{c-d}/', '/{a}/x/{b_2}/{c-d}', ['a', 'b_2', 'c-d'], false],
    ['/*', '/*', [], true],
    ['/files/{x}/*', '/files/{x}/*', ['x'], true],
    ['/a%2Ab/%7Bx%7D', '/a%2Ab/%7Bx%7D', [], false],
    ['/.well-known/a..b', '/.well-known/a..b', [], false]
  ]
  for (const [pattern, canonical, names, wildcard] of cases)
    t.same(parsePattern(pattern), { ok: true, pattern: canonical, names, wildcard }, pattern)
})

t.test('bad path patterns are refused with what to write', async (t) => {
  const cases: [string, RegExp][] = [
    ['', /starts with/],
    ['a', /starts with/],
    ['*', /starts with/],
    ['/a/*/b', /only at the end/],
    ['/a/*/', /only at the end/],
    ['/a*', /whole segment/],
    ['/a/**', /whole segment/],
    ['/a/{x}b', /whole segment/],
    ['/a{x}', /whole segment/],
    ['/{x', /whole segment/],
    ['/x}', /whole segment/],
    ['/{}', /a name is/],
    ['/{*}', /a name is/],
    ['/{1a}', /a name is/],
    ['/{a.b}', /a name is/],
    ['/{{a}}', /a name is/],
    [`/{${'a'.repeat(64)}}`, /a name is/],
    ['/{__proto__}', /cannot be a name/],
    ['/{x}/{x}', /twice/],
    ['/a/../b', /resolves to/],
    ['/./b', /resolves to/],
    ['/%2e/b', /resolves to/],
    ['/a%2Fb', /encoded slash/],
    ['/a%zz', /two hex/],
    ['/café', /write caf%C3%A9/],
    ['/a b', /write a%20b/],
    ['/a\u0000', /0x21-0x7E/],
    ['/a\\b', /backslash/],
    ['/\ud800', /0x21-0x7E/],
    ['/a?b', /write a%3Fb/],
    [`/${'a/'.repeat(65)}b`, /at most 64 segments/],
    [`/${'a'.repeat(5000)}`, /at most 4096/]
  ]
  for (const [pattern, reason] of cases) {
    const parsed = parsePattern(pattern)
    t.match(parsed.ok ? 'accepted' : parsed.reason, reason, pattern.slice(0, 40))
  }
})

t.test('host patterns are lower-case names, one wildcard label, or addresses', async (t) => {
  const cases: [string, string, string | null, boolean][] = [
    ['API.Example.com', 'api.example.com', null, false],
    ['localhost', 'localhost', null, false],
    ['*.Example.com', '*.example.com', null, true],
    ['{Tenant}.Example.com', '{Tenant}.example.com', 'Tenant', true],
    ['10.0.0.1', '10.0.0.1', null, false],
    ['[2001:DB8::1]', '2001:db8::1', null, false],
    ['2001:db8:0:0::1', '2001:db8::1', null, false],
    ['xn--caf-dma.example', 'xn--caf-dma.example', null, false]
  ]
  for (const [host, pattern, name, wildcard] of cases)
    t.same(parseHostPattern(host), { ok: true, pattern, name, wildcard }, host)
})

t.test('bad host patterns are refused with a reason', async (t) => {
  const cases: [string, RegExp][] = [
    ['', /no host label/],
    ['*', /leave hosts out/],
    ['{x}', /needs a domain/],
    ['*.', /final dot|no host label/],
    ['api.*.com', /only the first label/],
    ['a*.example.com', /only the first label/],
    ['{x}a.example.com', /only the first label/],
    ['*.*.com', /only the first label/],
    ['{1}.example.com', /a name is/],
    ['example.com:443', /no port/],
    ['https://example.com', /no scheme/],
    ['example.com.', /final dot/],
    ['a..b', /no host label/],
    ['-a.com', /no host label/],
    ['my_host.com', /no host label/],
    ['café.com', /xn--/],
    ['a b.com', /no host label/],
    ['10.0.0', /IPv4/],
    ['10.0.0.256', /IPv4/],
    ['*.0.0.1', /IPv4/],
    ['[::1', /no scheme and no port/],
    ['fe80::1%eth0', /no scheme and no port/],
    [`${'a'.repeat(64)}.com`, /no host label/],
    [`${'a.'.repeat(130)}com`, /at most 253/]
  ]
  for (const [host, reason] of cases) {
    const parsed = parseHostPattern(host)
    t.match(parsed.ok ? 'accepted' : parsed.reason, reason, host.slice(0, 40))
  }
})
