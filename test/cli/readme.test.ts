/** The README's table of environment variables is written from the code: `node test/cli/readme.test.ts --write`. */
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { envRows } from '../../src/env.ts'

const README = new URL('../../README.md', import.meta.url)
const [BEGIN, END] = ['<!-- environment: begin -->', '<!-- environment: end -->']

function table(): string {
  const cells = envRows().map(({ name, fallback, range, meaning }) => {
    return [`\`${name}\``, fallback === '' ? '' : `\`${fallback}\``, range, meaning.replaceAll('|', '\\|')]
  })
  const rows = [['Variable', 'Default', 'Range', 'Meaning'], ['---', '---', '---', '---'], ...cells]
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n')
}

const text = readFileSync(README, 'utf8')
const [head, rest = ''] = text.split(BEGIN)
const [written = '', tail] = rest.split(END)

if (process.argv.includes('--write')) writeFileSync(README, `${head}${BEGIN}\n${table()}\n${END}${tail}`)
else {
  t.test('the table of environment variables says what the code says', (t) => {
    t.ok(tail !== undefined, 'the markers are there')
    t.equal(written.trim(), table())
    t.end()
  })

  t.test('every file and every command that the README names is there', async (t) => {
    const { existsSync } = await import('node:fs')
    const { entryOf } = await import('../../src/cli/commands.ts')
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      t.ok(existsSync(new URL(target, README)), target)
    }
    const commands = new Set(
      [
        ...text.matchAll(/\bgatehouse ((?:key|password|token|revocations|bans|import) [a-z]+|[a-z]{4,})(?= |`|$)/gm)
      ].map(([, name = '']) => name)
    )
    t.ok(commands.size > 5)
    for (const name of commands) t.ok(entryOf(name), `gatehouse ${name}`)
  })
}
