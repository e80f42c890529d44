/** What reading a configuration gives: the values with where they stand, and everything found wrong on the way. */
import type { Where } from '../../plan/policy.ts'
import type { Config } from './schema.ts'

export type Severity = 'error' | 'warning'

export interface Finding {
  severity: Severity
  /** `file:line:col`, the file as its owner named it. */
  where: Where
  /** Key path such as `services[0].routes[1].match.paths`; '' for the file as a whole. */
  path: string
  /** What was expected and what was found. Never the value of a secret. */
  message: string
}

export type Path = readonly (string | number)[]

/** A configuration without errors. */
export interface Loaded {
  /** Plain values: secrets resolved, included files in place, units as written. */
  config: Config
  /** Where the value at a path stands, or its nearest written ancestor. */
  where(path: Path): Where
  /** Absolute directory of the file the value stands in: relative paths start there. */
  dirOf(path: Path): string
  /** Whether the value came from a reference or is a secret by nature: not to be shown. */
  isSecret(path: Path): boolean
  /** Read with `secrets: false`: the value is the reference's default or an example of its kind, not what will hold. */
  isPlaceholder(path: Path): boolean
  /** Absolute paths of every file read, for watching. Documents (certificates, key files) are read by others. */
  files: string[]
  /** Absolute paths of directories whose file names were matched against a pattern: a new file there may belong. */
  directories: string[]
  /** Every NAME of an `${env:NAME}`. */
  envNames: string[]
}

export interface LoadOptions {
  /** False: references are not resolved; their defaults, or placeholders of the right type, stand in for them. Default true. */
  secrets?: boolean
  /** Where `${env:}` looks. Default process.env. */
  env?: Readonly<Record<string, string | undefined>>
  /** What the file is called in messages. Default: as given. */
  name?: string
}
