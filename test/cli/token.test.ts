import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { generateKeys } from '../../src/identity/jose.ts'
import { UsageError } from '../../src/cli/command.ts'
import { tokenSign } from '../../src/cli/token-sign.ts'
import { tokenVerify } from '../../src/cli/token-verify.ts'
import { folder, run } from './kit.ts'

const KEY_FILES = new Set(['k.json', 'public.json', 'junk', 'none'])

interface Keys {
  cwd: string
  publicJwk: Record<string, unknown>
}

async function keys(t: Test): Promise<Keys> {
  const cwd = folder(t)
  const { privateJwk, publicJwk } = await generateKeys('ES256')
  writeFileSync(join(cwd, 'k.json'), JSON.stringify(privateJwk))
  writeFileSync(join(cwd, 'public.json'), JSON.stringify({ keys: [publicJwk] }))
  return { cwd, publicJwk }
}

async function sign(cwd: string, ...args: string[]): Promise<string> {
  const { out, err, code } = await run(['token', 'sign', '--key', 'k.json', ...args], { cwd })
  if (code !== 0) throw new Error(err)
  return out.trim()
}

t.test('what was signed verifies, by either half of the key', async (t) => {
  const { cwd } = await keys(t)
  const token = await sign(
    cwd,
    '--issuer',
    'me',
    '--subject',
    'u1',
    '--audience',
    'api',
    '--claim',
    'n=7',
    '--claim',
    'scope=a b'
  )
  t.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/)
  for (const key of ['k.json', 'public.json']) {
    const { code, out } = await run(['token', 'verify', '--json', '--key', key, token], { cwd })
    t.equal(code, 0, key)
    t.match(JSON.parse(out), {
      valid: true,
      claims: { iss: 'me', sub: 'u1', aud: 'api', n: 7, scope: 'a b' },
      header: { alg: 'ES256' }
    })
  }
})

t.test('PEM keys of each kind', async (t) => {
  const cwd = folder(t)
  for (const [name, pair] of Object.entries({
    RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    EdDSA: generateKeyPairSync('ed25519')
  })) {
    const pem = join(cwd, `${name}.pem`)
    writeFileSync(pem, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }))
    const { out } = await run(['token', 'sign', '--json', '--key', pem, '--issuer', 'me'])
    const { token, header } = JSON.parse(out) as { token: string; header: { alg: string } }
    t.equal(header.alg, name)
    t.equal((await run(['token', 'verify', '--key', pem, token])).code, 0, name)
  }
})

t.test('a token that does not hold is refused with the reason: exit code 1', async (t) => {
  const { cwd } = await keys(t)
  const token = await sign(cwd, '--issuer', 'me')
  const verify = (text: string, ...args: string[]) =>
    run(['token', 'verify', '--key', 'public.json', ...args, text], { cwd })
  t.match(await verify(`${token.slice(0, -6)}AAAAAA`), { code: 1, out: /refused: / })
  t.match(await verify('nonsense'), { code: 1, out: /three parts/ })
  t.match(await verify(token, '--time', '2099-01-01'), { code: 1, out: /refused: / })
  t.match(await verify(await sign(cwd, '--expires', 'none', '--issuer', 'me')), { code: 1, out: /exp/ })
})

t.test('against a configuration all that it asks of tokens holds', async (t) => {
  const { cwd, publicJwk } = await keys(t)
  writeFileSync(
    join(cwd, 'g.yaml'),
    `version: 1
listen: [ { address: "127.0.0.1:8080" } ]
issuers:
  - { name: corp, issuer: me, audiences: [api], scopesClaim: scope, jwks: { keys: [ ${JSON.stringify(publicJwk)} ] } }
  - { name: far, issuer: they, audiences: [api], jwks: "https://idp.invalid/jwks.json" }
services:
  - { name: s, url: "http://127.0.0.1:9", routes: [ { name: r, match: { paths: ["/"] }, policies: { auth: { jwt: { issuers: [corp, far] } } } } ] }
`
  )
  mkdirSync(join(cwd, 'var'))
  const verify = (token: string, ...args: string[]) =>
    run(['token', 'verify', '--config', 'g.yaml', '--json', ...args, token], { cwd })
  const good = await verify(
    await sign(cwd, '--issuer', 'me', '--audience', 'api', '--subject', 'u1', '--claim', 'scope=a b')
  )
  t.match(JSON.parse(good.out), { valid: true, caller: { issuer: 'corp', subject: 'u1', scopes: ['a', 'b'] } })
  const other = await sign(cwd, '--issuer', 'me', '--audience', 'other')
  t.match(await verify(other), { code: 1, out: /aud/ })
  t.match(await verify(other, '--issuer', 'nobody'), { code: 2, err: /no issuer "nobody"/ })
  t.match(await verify(await sign(cwd, '--issuer', 'stranger')), { code: 3, err: /no issuer of g\.yaml/ })
  t.match(await verify(await sign(cwd, '--issuer', 'they')), { code: 3, err: /no gateway has fetched them yet/ })
})

t.test('keys that will not do are named', async (t) => {
  const { cwd } = await keys(t)
  writeFileSync(join(cwd, 'junk'), 'junk')
  for (const [args, why] of [
    [['sign', '--subject', 'u1'], '--key is needed'],
    [['sign', '--key', 'none'], "can't be read"],
    [['sign', '--key', 'junk'], 'neither PEM nor a JSON Web Key'],
    [['sign', '--key', 'public.json'], 'holds a public key'],
    [['sign', '--key', 'k.json', '--alg', 'RS256'], 'does not sign with RS256'],
    [['sign', '--key', 'k.json', '--expires', '10'], '--expires takes'],
    [['sign', '--key', 'k.json', '--claims', '[1]'], '--claims takes a JSON object'],
    [['sign', '--key', 'k.json', '--claim', '=x'], 'NAME=VALUE'],
    [['verify', '--key', 'junk', 'a.b.c'], 'neither PEM nor']
  ] as const) {
    const [verb, ...rest] = args
    const command = verb === 'sign' ? tokenSign : tokenVerify
    const here = rest.map((word) => (KEY_FILES.has(word) ? join(cwd, word) : word))
    await t.rejects(command.run(here), { constructor: UsageError, message: new RegExp(why) }, args.join(' '))
  }
})
