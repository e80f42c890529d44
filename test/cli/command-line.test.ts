import t from 'tap'
import { COMMANDS, LATER } from '../../src/cli/commands.ts'
import { run } from './kit.ts'

t.test('no command is a usage error that lists them', async (t) => {
  const { code, out, err } = await run([])
  t.equal(code, 2)
  t.equal(out, '')
  for (const name of Object.keys(COMMANDS)) t.match(err, new RegExp(`^  ${name}\\b`, 'm'))
})

t.test('help goes to standard output', async (t) => {
  const [long, help, of] = await Promise.all([run(['--help']), run(['help']), run(['help', 'key', 'create'])])
  t.equal(long.code, 0)
  t.match(long.out, /Exit codes: 0 yes/)
  t.equal(help.out, long.out)
  t.match(of.out, /^Usage: gatehouse key create/)
})

t.test('every command has help with examples, and the summary of the overview is not empty', async (t) => {
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    const command = await load()
    t.ok(summary.length > 10, name)
    t.ok(command.examples.length > 0, name)
    for (const [line] of command.examples) t.match(line, 'gatehouse', line)
  }
  const { out, code } = await run(['check', '--help'])
  t.equal(code, 0)
  t.match(out, /Usage: gatehouse check \[FILE\]/)
  t.match(out, /--no-secrets/)
  t.match(out, /Examples:/)
})

t.test('an alias is the command', async (t) => {
  const { out } = await run(['validate', '--help'])
  t.match(out, /--strict/)
})

t.test('a mistyped command gets the nearest named', async (t) => {
  const { code, err } = await run(['chekc'])
  t.equal(code, 2)
  t.match(err, 'did you mean "check"?')
})

t.test('a name of every object is no command', async (t) => {
  for (const name of ['constructor', '__proto__']) {
    const { code, err } = await run([name])
    t.equal(code, 2, name)
    t.match(err, `there is no command "${name}"`)
  }
})

t.test('a command that is not built yet says so', async (t) => {
  t.same(
    LATER.filter((name) => Object.keys(COMMANDS).some((built) => built === name || built.split(' ')[0] === name)),
    []
  )
  for (const name of ['history', 'import kong']) {
    const { code, err } = await run([...name.split(' '), 'kong.yaml'])
    t.equal(code, 2)
    t.match(err, `"${name}" is not supported yet`)
  }
})

t.test('half of a two-word command names the other half', async (t) => {
  const { code, err } = await run(['token'])
  t.equal(code, 2)
  t.match(err, 'sign, verify')
  const help = await run(['token', '--help'])
  t.equal(help.code, 0)
  t.match(help.out, 'token verify')
})

t.test('an unknown option and a word too many are usage errors', async (t) => {
  const option = await run(['version', '--nope'])
  t.equal(option.code, 2)
  t.match(option.err, "Unknown option '--nope'")
  t.match(option.err, 'Usage: gatehouse version')
  const word = await run(['version', 'a'])
  t.equal(word.code, 2)
  t.match(word.err, '"a" is one word too many')
})

t.test('--version and version --json', async (t) => {
  const { code, out } = await run(['--version'])
  t.equal(code, 0)
  t.match(out, /^gatehouse \d+\.\d+\.\d+, Node\.js 22\./)
  const json = JSON.parse((await run(['version', '--json'])).out) as Record<string, unknown>
  t.match(json, { gatehouse: /^\d/, node: /^v22/, uWebSockets: { sha512: /^[0-9a-f]{128}$/ } })
})
