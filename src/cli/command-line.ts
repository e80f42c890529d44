/** From the words of the command line to the command that runs, and from what it throws to an exit code. */
import { nearest } from '../control/config/nearest.ts'
import { CannotTell, type Command, EXIT, UsageError } from './command.ts'
import { ALIASES, COMMANDS, entryOf, LATER } from './commands.ts'
import { commandHelp, overview } from './help.ts'
import { complain } from './terminal.ts'

/** Resolves with the exit code of the process. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const [first] = args
  if (first === undefined) {
    process.stderr.write(overview())
    return EXIT.usage
  }
  if (first === '--help' || first === '-h') {
    process.stdout.write(overview())
    return EXIT.yes
  }
  if (first === '--version') return runCommandLine(['version', ...args.slice(1)])
  if (first === 'help') return runCommandLine(args.length > 1 ? [...args.slice(1), '--help'] : ['--help'])
  const found = find(args)
  if (typeof found === 'number') return found
  const { name, load, rest } = found
  const command = await load()
  const separator = rest.indexOf('--')
  const own = separator < 0 ? rest : rest.slice(0, separator)
  if (own.includes('--help') || own.includes('-h')) {
    process.stdout.write(commandHelp(name, command))
    return EXIT.yes
  }
  try {
    return await command.run(rest)
  } catch (error) {
    if (error instanceof UsageError) {
      complain(`${error.message}\nUsage: gatehouse ${name} ${command.usage}`.trimEnd())
      return EXIT.usage
    }
    if (error instanceof CannotTell) {
      complain(error.message)
      return EXIT.unknown
    }
    throw error
  }
}

interface Found {
  name: string
  load(): Promise<Command>
  /** What follows the name. */
  rest: readonly string[]
}

/** Names are one word or two: `check`, `key create`. A number: no command runs, and all is said; it is the exit code. */
function find(args: readonly string[]): Found | number {
  const [first = '', second] = args
  const single = entryOf(first)
  if (single) return { name: first, load: single.load, rest: args.slice(1) }
  const two = `${first} ${second ?? ''}`
  const double = entryOf(two)
  if (double) return { name: two, load: double.load, rest: args.slice(2) }
  const family = Object.keys(COMMANDS).filter((name) => name.startsWith(`${first} `))
  if (family.length > 0) {
    if (second === '--help' || second === '-h') {
      process.stdout.write(overview(family))
      return EXIT.yes
    }
    if (LATER.includes(two)) complain(`"${two}" is not supported yet`)
    else complain(`gatehouse ${first} needs one of: ${family.map((name) => name.slice(first.length + 1)).join(', ')}`)
  } else if (LATER.includes(first)) {
    complain(`"${first}" is not supported yet`)
  } else {
    const near = nearest(first, [...Object.keys(COMMANDS), ...Object.keys(ALIASES)])
    complain(`there is no command "${first}"${near ? `: did you mean "${near}"?` : '; gatehouse --help lists them'}`)
  }
  return EXIT.usage
}
