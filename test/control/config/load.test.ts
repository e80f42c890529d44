import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Loaded, loadConfig, type LoadOptions } from '../../../src/control/config/load.ts'

const BASE = `version: 1
listen: [{ address: "127.0.0.1:8080" }]
services: [{ name: a, url: "http://a", routes: [{ name: a, match: { paths: [/a] }, policies: { auth: public } }] }]
`

function folder(files: Record<string, string | Buffer>): string {
  const dir = t.testdir({})
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(dir, name, '..'), { recursive: true })
    writeFileSync(join(dir, name), content)
  }
  return dir
}

function load(files: Record<string, string | Buffer>, options: LoadOptions = {}) {
  const dir = folder(files)
  const { loaded, findings } = loadConfig(join(dir, 'g.yaml'), { env: {}, name: 'g.yaml', ...options })
  return {
    dir,
    loaded,
    findings,
    text: findings.map(({ where, path, message }) => `${where} ${path} ${message}`).join('\n')
  }
}

function loadedOf(result: { loaded: Loaded | null; text: string }): Loaded {
  if (result.loaded === null) throw new Error(result.text)
  return result.loaded
}

t.test('values keep their place, folder and origin', async (t) => {
  const result = load(
    {
      'g.yaml': `${BASE}consumers: [{ file: "teams/*.yaml" }]\nlog: { access: "\${env:TARGET}" }\nstate: { dir: "\${file:dir.txt}" }\n`,
      'dir.txt': 'var/run\n',
      'teams/b.yaml': 'name: b\n',
      'teams/a.yaml': '- name: a\n  jwt:\n    - issuer: a\n      algorithm: ES256\n      publicKey: a.pem\n',
      'teams/.hidden.yaml': 'name: hidden\n',
      'teams/c.txt': 'name: c\n'
    },
    { env: { TARGET: 'stdout' } }
  )
  const { dir } = result
  const loaded = loadedOf(result)
  t.same(
    loaded.config.consumers?.map(({ name }) => name),
    ['a', 'b'],
    'spliced in the order of their names'
  )
  t.equal(loaded.config.log?.access, 'stdout')
  t.equal(loaded.config.state?.dir, 'var/run', 'one final newline is lost')
  const key = ['consumers', 0, 'jwt', 0, 'publicKey']
  t.match(loaded.where(key), /teams\/a\.yaml:5:18$/)
  t.equal(loaded.dirOf(key), join(dir, 'teams'))
  t.match(loaded.where(['consumers', 0, 'jwt', 0, 'secret']), /a\.yaml:3:7$/, 'a key that is not there: its mapping')
  t.equal(loaded.where(['listen', 0, 'address']), 'g.yaml:2:21')
  t.equal(loaded.where([]), 'g.yaml:1:1')
  t.ok(loaded.isSecret(['log', 'access']))
  t.ok(loaded.isSecret(['state', 'dir']))
  t.notOk(loaded.isSecret(['listen', 0, 'address']))
  t.notOk(loaded.isSecret(['log', 'absent']))
  t.same(
    loaded.files,
    ['g.yaml', 'teams/a.yaml', 'teams/b.yaml', 'dir.txt'].map((name) => join(dir, name))
  )
  t.same(loaded.directories, [join(dir, 'teams')])
  t.same(loaded.envNames, ['TARGET'])
})

t.test('references are resolved once, and typed by what is expected', async (t) => {
  const file = `${BASE}client: { ipv6Prefix: "\${env:BITS}", trustedProxies: ["\${env:NET:-10.0.0.0/8}"] }
consumers: [{ name: c, attributes: { a: "\${env:REF}", b: "$\${env:X}", c: "a\${env:BITS}b\${env:BITS}" } }]
`
  const loaded = loadedOf(load({ 'g.yaml': file }, { env: { BITS: '56', REF: '${env:BITS}', NET: '' } }))
  t.equal(loaded.config.client?.ipv6Prefix, 56)
  t.same(loaded.config.client?.trustedProxies, ['10.0.0.0/8'])
  t.same(loaded.config.consumers?.[0]?.attributes, { a: '${env:BITS}', b: '${env:X}', c: 'a56b56' })
})

t.test('a secret by nature is one even when written in the file', async (t) => {
  const file = `${BASE}tls: { certificates: [{ hosts: [a.example], cert: a.pem, key: "-----BEGIN PRIVATE KEY-----" }] }
consumers: [{ name: c, jwt: [{ issuer: c, algorithm: HS256, secret: 6a1f0c5e-93b2-4f7d-8e21-b0c4d7a95f38 }] }]
issuers: [{ name: i, issuer: i, audiences: [a], jwks: { keys: [{ kty: oct, k: c2VjcmV0 }] } }]
`
  const result = load({ 'g.yaml': file })
  const loaded = loadedOf(result)
  t.ok(loaded.isSecret(['tls', 'certificates', 0, 'key']))
  t.notOk(loaded.isSecret(['tls', 'certificates', 0, 'cert']))
  t.ok(loaded.isSecret(['consumers', 0, 'jwt', 0, 'secret']))
  t.ok(loaded.isSecret(['issuers', 0, 'jwks', 'keys', 0, 'k']))
  t.match(result.text, /secret in a file/)
  t.notMatch(result.text, /6a1f0c5e/)
})

t.test('without secrets, placeholders of every type stand in, and nothing is read', async (t) => {
  const file = `version: "\${env:A}"
listen: [{ address: "\${env:A}", tls: "\${env:A}", client: { ipv6Prefix: "\${env:A}", chunked: "\${env:A}" } }]
services:
  - name: a
    url: "\${env:A}"
    use: ["\${env:A}"]
    routes: [{ name: a, match: { paths: ["\${env:A}"] }, policies: { auth: public, limits: [{ name: l, rate: "\${env:A}", by: "\${env:A}" }] } }]
consumers: [{ name: c, keys: [{ id: c, hash: "\${file:absent}", expires: "\${env:A}" }], jwt: [{ issuer: c, algorithm: HS256, secret: "\${env:A}" }] }]
`
  const loaded = loadedOf(load({ 'g.yaml': file }, { secrets: false }))
  t.equal(loaded.config.version, 1)
  t.equal(loaded.config.listen[0]?.tls, false)
  t.equal(loaded.config.listen[0]?.client?.chunked, 'accept')
  t.match(loaded.config.consumers?.[0]?.keys?.[0]?.hash, /^sha256:0{64}$/)
  t.ok(loaded.isPlaceholder(['consumers', 0, 'jwt', 0, 'secret']))
  t.notOk(loaded.isPlaceholder(['consumers', 0, 'name']))
  t.same(loaded.envNames, ['A'])
  t.equal(loaded.files.length, 1)
  const { text } = load({ 'g.yaml': `${BASE}consumers: [{ file: "\${env:A}" }]\n` }, { secrets: false })
  t.match(text, /which file is included depends on a reference/)
})

t.test('without secrets, a reference stands for its default where it has one, and that is checked', async (t) => {
  const [port, host] = ['${env:B:-8443}', '${env:HOST:-a}${env:DOMAIN:-.example}']
  const file = (url: string): string => `version: 1
listen: [ { address: "127.0.0.1:${port}", tls: "\${env:TLS:-false}", client: { ipv6Prefix: "\${env:P:-48}" } } ]
services: [ { name: a, url: "${url}", routes: [ { name: a, match: { paths: [/] }, policies: { auth: public } } ] } ]
`
  const env = { B: '1', HOST: 'other', TLS: 'true' }
  const loaded = loadedOf(load({ 'g.yaml': file(`http://${host}`) }, { secrets: false, env }))
  t.match(loaded.config.listen, [{ address: '127.0.0.1:8443', tls: false, client: { ipv6Prefix: 48 } }])
  t.equal(loaded.config.services[0]?.url, 'http://a.example')
  t.ok(loaded.isPlaceholder(['listen', 0, 'address']), 'another may hold')
  const half = loadedOf(load({ 'g.yaml': file('http://${env:HOST}${env:DOMAIN:-.example}') }, { secrets: false }))
  t.notMatch(half.config.services[0]?.url, 'example', 'half a value is none')
  t.match(load({ 'g.yaml': file('${env:U:-ftp://a}') }, { secrets: false }).text, /services\[0\].url .*reference/)
})

t.test('jwks: { file } names a document, and nothing is included', async (t) => {
  const file = `${BASE}issuers: [{ name: i, issuer: i, audiences: [a], jwks: { file: absent.json } }]\n`
  t.same(loadedOf(load({ 'g.yaml': file })).config.issuers?.[0]?.jwks, { file: 'absent.json' })
})

t.test('files that are no configuration are told from each other', async (t) => {
  const cases: [string, string | Buffer, RegExp][] = [
    ['a byte order mark', '\ufeffversion: 1\n', /byte order mark/],
    ['UTF-16', Buffer.from('\ufeffversion: 1\n', 'utf16le'), /byte order mark/],
    ['not UTF-8', Buffer.concat([Buffer.from('version: 1\nx: '), Buffer.from([0xff, 0x0a])]), /g\.yaml:2:4.*not UTF-8/],
    ['binary', Buffer.from([0x76, 0x3a, 0x00, 0x01]), /g\.yaml:1:3.*U\+0000/],
    ['empty', '', /the file is empty/],
    ['a comment alone', '# nothing\n', /the file is empty/],
    ['too large', Buffer.alloc((4 << 20) + 1, '#'), /larger than 4 MiB; split it/],
    [
      'nested too deeply',
      `${BASE}consumers: [{ name: c, attributes: { a: ${'['.repeat(100)}${']'.repeat(100)} } }]\n`,
      /deeper than 64/
    ],
    ['nested beyond the parser', `a: ${'['.repeat(5000)}`, /deeper than 64|not YAML/],
    ['YAML 1.1', '%YAML 1.1\n---\nversion: 1\n', /YAML 1\.2/],
    ['two documents', 'version: 1\n---\nversion: 1\n', /g\.yaml:2:1.*second document/],
    ['a list', '- version: 1\n', /expected a mapping, found a list/],
    ['__proto__', `${BASE}__proto__: { x: 1 }\n`, /"__proto__" is not allowed/]
  ]
  for (const [name, content, expected] of cases) {
    const { loaded, text } = load({ 'g.yaml': content })
    t.equal(loaded, null, name)
    t.match(text, expected, name)
  }
})

t.test('what is no ordinary file is refused, and links to ordinary ones are followed', async (t) => {
  const dir = folder({ 'real.yaml': BASE, 'd/x': '' })
  symlinkSync('real.yaml', join(dir, 'link.yaml'))
  symlinkSync('absent.yaml', join(dir, 'dangling.yaml'))
  symlinkSync('circle.yaml', join(dir, 'circle.yaml'))
  execFileSync('mkfifo', [join(dir, 'pipe.yaml')])
  const messageOf = (name: string) => loadConfig(join(dir, name), { env: {}, name }).findings[0]
  t.ok(loadConfig(join(dir, 'link.yaml'), { env: {} }).loaded)
  t.match(messageOf('dangling.yaml')?.message, /does not exist/)
  t.match(messageOf('circle.yaml')?.message, /leads in a circle/)
  t.match(messageOf('pipe.yaml')?.message, /not an ordinary file/)
  t.match(messageOf('d')?.message, /is a directory/)
  t.match(messageOf('absent.yaml'), { where: 'absent.yaml:1:1', message: /does not exist/ })
})

t.test('aliases are copies, within bounds', async (t) => {
  const shared = `${BASE}profiles: [{ name: a, policies: &p { identity: { headers: true } } }, { name: b, policies: *p }]\n`
  t.same(loadedOf(load({ 'g.yaml': shared })).config.profiles?.[1]?.policies, { identity: { headers: true } })
  t.match(load({ 'g.yaml': `${BASE}tls: &a { certificates: [*a] }\n` }).text, /stands inside what it stands for/)
  const lines = Array.from({ length: 9 }, (_, i) => `  a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(', ')}]`)
  const bomb = `${BASE}consumers: [{ name: c, attributes: {\n  a0: &a0 [x],\n${lines.join(',\n')} } }]\n`
  t.match(load({ 'g.yaml': bomb }).text, /aliases of this file stand for more than 10000 values/)
})

t.test('after errors the files are still known, those that are missing too', async (t) => {
  const dir = folder({ 'g.yaml': `${BASE}consumers: [{ file: absent.yaml }, { file: "d/*.yaml" }]\n`, 'd/x': '' })
  const { loaded, files, directories } = loadConfig(join(dir, 'g.yaml'), { env: {} })
  t.equal(loaded, null)
  t.same(files, [join(dir, 'g.yaml'), join(dir, 'absent.yaml')])
  t.same(directories, [join(dir, 'd')])
})

t.test('inclusion is bounded and relative to the file it stands in', async (t) => {
  const nested = {
    'g.yaml': `${BASE}consumers: { file: a/list.yaml }\n`,
    'a/list.yaml': '- { file: b/c.yaml }\n',
    'a/b/c.yaml': 'name: deep\n'
  }
  t.same(loadedOf(load(nested)).config.consumers, [{ name: 'deep' }])
  const twice = Object.fromEntries(
    Array.from({ length: 16 }, (_, i) => [`f${i}.yaml`, `[{ file: f${i + 1}.yaml }, { file: f${i + 1}.yaml }]`])
  )
  const { text } = load({ 'g.yaml': `${BASE}consumers: { file: f0.yaml }\n`, ...twice, 'f16.yaml': '[{ name: x }]' })
  t.match(text, /more than 5000 files are included/)
  t.match(load({ 'g.yaml': `${BASE}consumers: { file: "*.yaml" }\n` }).text, /includes itself: .*g\.yaml → .*g\.yaml/)
})

t.test('10,000 consumers from lines of JSON, each known by its line', async (t) => {
  const lines = Array.from({ length: 10_000 }, (_, i) => {
    const hash = `sha256:${createHash('sha256').update(String(i)).digest('hex')}`
    return JSON.stringify({
      name: `c${i}`,
      groups: ['partners'],
      attributes: { tier: 'gold' },
      keys: [{ id: `k${i}`, hash }]
    })
  })
  const dir = folder({
    'g.yaml': `${BASE}consumers: [{ file: consumers.jsonl }]\n`,
    'consumers.jsonl': lines.join('\n')
  })
  const { loaded } = loadConfig(join(dir, 'g.yaml'), { env: {} })
  t.equal(loaded?.config.consumers?.length, 10_000)
  t.match(loaded?.where(['consumers', 9_999, 'keys', 0, 'id']), /consumers\.jsonl:10000:\d+$/)
})

const acceptance = join(import.meta.dirname, '../../../../shared/acceptance')
const skip = existsSync(acceptance) ? false : 'no acceptance files beside this repository'

t.test('the configurations that others test the gateway with are accepted', { skip }, async (t) => {
  const key = JSON.stringify({ kty: 'RSA', n: 'AQAB', e: 'AQAB', kid: 'r1', alg: 'RS256', use: 'sig' })
  for (const name of ['main-job', 'exact-limit', 'secured-path']) {
    const script = readFileSync(join(acceptance, `${name}.mjs`), 'utf8')
    const yaml = (/`(version: 1[\s\S]*?\n)`/.exec(script)?.[1] ?? '')
      .replace(/\$\{JSON\.stringify\(.*?\}\)\)\}/g, key)
      .replace(/\$\{join\(.*?\)\}/g, '/tmp/var')
      .replace(/\$\{dir\}/g, '/tmp')
      .replace(/\$\{pipelining\}/g, '1')
      .replace(/\$\{[a-z.]+\}/g, '8080')
    const { loaded, text } = load({ 'g.yaml': yaml })
    t.ok(loaded, `${name}: ${text}`)
  }
})
