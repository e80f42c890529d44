import { createHash } from 'node:crypto'
import t from 'tap'
import { isApiKey, newApiKey } from '../../src/identity/key-form.ts'
import { UsageError } from '../../src/cli/command.ts'
import { keyCreate } from '../../src/cli/key.ts'
import { run } from './kit.ts'

interface Made {
  key: string
  consumer?: string
  id: string
  hash: string
  expires?: string
  scopes?: string[]
  yaml: string
}

async function make(...args: string[]): Promise<Made> {
  return JSON.parse((await run(['key', 'create', '--json', ...args])).out) as Made
}

t.test('a key carries a checksum of itself', async (t) => {
  const key = newApiKey()
  t.match(key, /^gatekey_[0-9A-Za-z]{49}$/)
  t.ok(isApiKey(key))
  t.notOk(isApiKey(key.slice(0, -1)), 'cut short')
  const other = key[20] === 'a' ? 'b' : 'a'
  t.notOk(isApiKey(key.slice(0, 20) + other + key.slice(21)), 'mistyped')
  t.notOk(isApiKey(` ${key}`))
  t.not(newApiKey(), key)
})

t.test('the hash is of the whole key as sent', async (t) => {
  const made = await make(
    '--consumer',
    'acme',
    '--id',
    'acme-1',
    '--expires',
    '2199-01-31',
    '--scope',
    'a:b',
    '--scope',
    'c'
  )
  t.ok(isApiKey(made.key))
  t.equal(made.hash, `sha256:${createHash('sha256').update(made.key).digest('hex')}`)
  t.match(made, { consumer: 'acme', id: 'acme-1', expires: '2199-01-31', scopes: ['a:b', 'c'] })
  t.equal(made.yaml, `{ id: acme-1, hash: "${made.hash}", expires: 2199-01-31, scopes: ["a:b", c] }`)
})

t.test('days count to the end of the last one', async (t) => {
  const { expires = '' } = await make('--expires', '30d')
  const days = (Date.parse(expires) - Date.now()) / 86_400_000
  t.ok(days > 30 && days <= 31, `${days} days`)
})

t.test('an id fits the configuration’s names', async (t) => {
  for (const consumer of ['acme', 'ACME.Corp/EU', '__', 'https://idp.example|42']) {
    t.match((await make('--consumer', consumer)).id, /^[a-z0-9][a-z0-9_-]{0,62}$/, consumer)
  }
})

t.test('the key is shown once, with the lines that admit it', async (t) => {
  const { out, code } = await run(['key', 'create', '--consumer', 'true'])
  t.equal(code, 0)
  t.equal(out.match(/gatekey_/g)?.length, 1)
  t.match(out, 'consumers:\n  - name: "true"\n    keys:\n      - { id: ')
})

t.test('bad values are named', async (t) => {
  for (const [args, why] of [
    [['--consumer', 'a b'], 'without space'],
    [['--id', 'Acme'], '--id takes a name'],
    [['--expires', 'soon'], 'not "soon"'],
    [['--expires', '2026-02-30'], 'not "2026-02-30"'],
    [['--expires', '2001-01-01'], 'is over already'],
    [['--scope', 'a b'], '"a b" is no scope']
  ] as const) {
    await t.rejects(keyCreate.run(args), { constructor: UsageError, message: new RegExp(why) }, args.join(' '))
  }
})
