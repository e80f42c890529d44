/** What a command of the command line is: its name, its words for `--help`, its options and what it does. */
import { parseArgs } from 'node:util'

/** How every command ends, so that scripts can tell "no" from "don't know". */
export const EXIT = { yes: 0, no: 1, usage: 2, unknown: 3 } as const

/** The command line asks for something that isn't there: said with the command's usage, exit code 2. */
export class UsageError extends Error {}

/** The question can't be answered: no gateway is running, its socket isn't ours. Exit code 3. */
export class CannotTell extends Error {}

export interface OptionSpec {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  readonly multiple?: true
  /** Stands for the value in `--help`: `FILE`. */
  readonly value?: string
  readonly meaning: string
}

export type OptionTable = Readonly<Record<string, OptionSpec>>

type ValueOf<S extends OptionSpec> = S extends { type: 'boolean' }
  ? boolean | undefined
  : S extends { multiple: true }
    ? string[] | undefined
    : string | undefined

export type Values<O extends OptionTable> = { readonly [K in keyof O]: ValueOf<O[K]> }

interface Definition<O extends OptionTable> {
  /** What follows the command's name: `[FILE] [options]`. */
  readonly usage: string
  readonly summary: string
  /** More to know, printed after the options: one paragraph each. */
  readonly notes?: readonly string[]
  /** Whole command lines and what each is for. */
  readonly examples: readonly (readonly [line: string, purpose: string])[]
  readonly options: O
  /** Most words it takes besides options. */
  readonly arguments: number
  run(values: Values<O>, words: readonly string[]): number | Promise<number>
}

/** A command with its options' types forgotten: how the dispatcher holds them. */
export interface Command {
  readonly usage: string
  readonly summary: string
  readonly notes: readonly string[]
  readonly examples: readonly (readonly [line: string, purpose: string])[]
  readonly options: OptionTable
  /** Parses `args`, throws UsageError, and resolves with the exit code. */
  run(args: readonly string[]): Promise<number>
}

export function defineCommand<const O extends OptionTable>(definition: Definition<O>): Command {
  return {
    usage: definition.usage,
    summary: definition.summary,
    notes: definition.notes ?? [],
    examples: definition.examples,
    options: definition.options,
    run: async (args) => {
      const { values, words } = parse(definition.options, args)
      if (words.length > definition.arguments) {
        throw new UsageError(`"${words[definition.arguments]}" is one word too many`)
      }
      return definition.run(values, words)
    }
  }
}

function parse<O extends OptionTable>(options: O, args: readonly string[]): { values: Values<O>; words: string[] } {
  try {
    const config = Object.fromEntries(
      Object.entries(options).map(([name, { type, short, multiple }]) => [
        name,
        { type, ...(short ? { short } : {}), ...(multiple ? { multiple } : {}) }
      ])
    )
    const { values, positionals } = parseArgs({
      args: [...args],
      options: config,
      allowPositionals: true,
      strict: true
    })
    // parseArgs in strict mode gives each option the type its table says, which its own types can't follow here.
    return { values: values as Values<O>, words: positionals }
  } catch (error) {
    // Its first sentence says what is wrong; the rest is advice on the `--` separator.
    throw new UsageError(error instanceof Error ? (error.message.split('. ', 1)[0] ?? error.message) : String(error))
  }
}

/** Options that many commands share, worded once. */
export const CONFIG_OPTION = {
  type: 'string',
  short: 'c',
  value: 'FILE',
  meaning: 'Configuration file.'
} as const satisfies OptionSpec

export const JSON_OPTION = {
  type: 'boolean',
  meaning: 'Print JSON, for programs.'
} as const satisfies OptionSpec
