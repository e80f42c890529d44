/** What `--help` prints. */
import type { Command, OptionTable } from './command.ts'
import { ALIASES, COMMANDS } from './commands.ts'

const WIDTH = 100

/** All commands, or those of one family. */
export function overview(names: readonly string[] = Object.keys(COMMANDS)): string {
  const rows = names.map((name): [string, string] => {
    const alias = Object.keys(ALIASES).find((key) => ALIASES[key] === name)
    return [alias ? `${name}, ${alias}` : name, COMMANDS[name]?.summary ?? '']
  })
  return [
    'Gatehouse: the one hardened way in to your services.',
    '',
    'Usage: gatehouse COMMAND [options]',
    '',
    'Commands:',
    table(rows),
    '',
    ...wrap(
      'The configuration is the file named on the command line, else --config, else GATEHOUSE_CONFIG, else ./gatehouse.yaml, else /etc/gatehouse/gatehouse.yaml.'
    ),
    'Exit codes: 0 yes, 1 no, 2 usage or no such file, 3 cannot tell.',
    '',
    'gatehouse COMMAND --help says more, with examples.',
    ''
  ].join('\n')
}

export function commandHelp(name: string, command: Command): string {
  const lines = [`Usage: gatehouse ${name} ${command.usage}`.trimEnd(), '', ...wrap(command.summary), '', 'Options:']
  lines.push(table([...optionRows(command.options), ['-h, --help', 'Print this.']]))
  for (const note of command.notes) lines.push('', ...wrap(note))
  lines.push('', 'Examples:')
  for (const [line, purpose] of command.examples) lines.push(`  ${line}`, `      ${purpose}`)
  return `${lines.join('\n')}\n`
}

function optionRows(options: OptionTable): [string, string][] {
  return Object.entries(options).map(([name, option]) => {
    const short = option.short ? `-${option.short}, ` : ''
    const value = option.type === 'string' ? ` ${option.value ?? 'VALUE'}` : ''
    return [
      `${short}--${name}${value}`,
      option.multiple ? `${option.meaning} May be given more than once.` : option.meaning
    ]
  })
}

function table(rows: readonly (readonly [string, string])[]): string {
  const left = Math.max(...rows.map(([word]) => word.length)) + 4
  return rows
    .map(([word, meaning]) => {
      const [first = '', ...more] = wrap(meaning, WIDTH - left)
      return [`  ${word.padEnd(left - 2)}${first}`, ...more.map((line) => ' '.repeat(left) + line)].join('\n')
    })
    .join('\n')
}

function wrap(text: string, width = WIDTH): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return line === '' ? lines : [...lines, line]
}
