import t from 'tap'
import { sha256 } from '../../e2e/tokens.ts'
import { errorsOf, planOf, routeWith, saysExactly, warningsOf } from './configuration.ts'

const TOKEN = 'a-token-of-sixteen-characters'
const withAdmin = (admin: string): string => routeWith('auth: public', `admin: ${admin}\n`)

t.test('the plan holds the digest of the token, and not the token', (t) => {
  const plan = planOf(withAdmin(`{ address: "127.0.0.1:9090", token: ${TOKEN} }`))
  t.same(plan.admin, { host: '127.0.0.1', port: 9090, tls: false, tokenHash: sha256(TOKEN) })
  t.notMatch(JSON.stringify(plan), TOKEN)
  t.equal(planOf(routeWith('auth: public')).admin, null)
  t.end()
})

t.test('what would be unsafe is refused', (t) => {
  for (const [admin, ...complaints] of [
    [`{ address: "127.0.0.1:0", token: ${TOKEN} }`],
    [`{ address: "[::1]:0", token: ${TOKEN} }`],
    ['{ address: "127.0.0.1:0", token: sixteen-chars-ok }'],
    ['{ address: "127.0.0.1:0", token: sixteen-chars-o }', /admin\.token: the token has 15 characters.* at least 16/],
    [`{ address: "0.0.0.0:0", token: ${TOKEN} }`, /admin\.address: an address that is not loopback needs tls/],
    [`{ address: "[::]:0", token: ${TOKEN} }`, /admin\.address: .*tls/],
    [`{ address: "127.0.0.1:0", tls: true, token: ${TOKEN} }`, /admin\.tls: tls\.certificates holds no certificate/],
    ['{ address: "127.0.0.1:0" }', /admin: "token" is missing/],
    [`{ token: ${TOKEN} }`, /admin: "address" is missing/],
    ['{ address: "127.0.0.1:0", token: aaaaaaaaaaaaaaaaaaaaaaa }', /a repetition/],
    ['{ address: "127.0.0.1:0", token: "with space 0123456789" }', /letters, digits/],
    [`{ address: "127.0.0.1:0", token: ${TOKEN}, tokn: x }`, /tokn/]
  ] as const)
    saysExactly(t, errorsOf(withAdmin(admin)), complaints, admin)
  t.end()
})

t.test('a token in the file itself is a warning', (t) => {
  saysExactly(t, warningsOf(withAdmin(`{ address: "127.0.0.1:0", token: ${TOKEN} }`)), [
    /admin\.token: a secret in a file/
  ])
  t.end()
})
