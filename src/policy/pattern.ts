import { RE2JS } from 're2js'

/**
 * Regular expressions of rules, on RE2: time linear in the text, whatever the pattern. JavaScript's own engine
 * backtracks: `(a+)+$` held a thread for 22 s on 29 characters. The only importer of re2js.
 */
export interface Pattern {
  /** Whether it matches anywhere in `text`, as CEL's `matches` does. */
  test(text: string): boolean
  /** Instructions of the compiled program: what each character of a text may cost. */
  readonly size: number
}

/** Longest pattern, and largest compiled program; RE2's work per character grows with the program. */
const MAX_LENGTH = 1000
const MAX_PROGRAM = 500

/** Compiles `source` in RE2's syntax (no look-around, no back-references). `maxProgram`: for patterns of our own. */
export function compilePattern(
  source: string,
  maxProgram = MAX_PROGRAM
): { ok: true; pattern: Pattern } | { ok: false; message: string } {
  if (source.length > MAX_LENGTH && maxProgram === MAX_PROGRAM) {
    return { ok: false, message: `the pattern has ${source.length} characters; ${MAX_LENGTH} is the most` }
  }
  try {
    const compiled = RE2JS.compile(source)
    const size = compiled.programSize()
    if (size > maxProgram) {
      return { ok: false, message: `the pattern is too large (${size} instructions; ${maxProgram} is the most)` }
    }
    return { ok: true, pattern: { size, test: (text) => compiled.test(text) } }
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    return { ok: false, message: `not a pattern in RE2's syntax, which has no look-around: ${detail}` }
  }
}
