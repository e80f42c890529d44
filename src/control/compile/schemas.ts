/**
 * Schemas of `validate`, from files or written in place, compiled to the text that workers run. One that several
 * routes name is compiled once.
 */
import { pathToFileURL } from 'node:url'
import { checkAgainstMeta, compileSchemas } from '../schemas/ajv.ts'
import { collect, fragmentOf, pointerText, stepsOf } from '../schemas/collect.ts'
import { SchemaFiles, type SchemaDocument } from '../schemas/files.ts'
import { parameterTypes } from '../schemas/parameter-types.ts'
import type { ParametersPlan, SchemaPlan } from '../../plan/validation.ts'
import { pathText } from '../config/findings.ts'
import { shownFrom } from '../config/include.ts'
import type { Documents } from './documents.ts'
import type { Path, Report } from './report.ts'

/** As it stands in the configuration: the path of a file, or the schema itself. */
export type WrittenSchema = string | Readonly<Record<string, unknown>>

/** What is said of a document whose name a reference gives. */
export const HIDDEN_FILE = 'the file that is named here can’t be read'

type Compiled = { plan: Omit<ParametersPlan, 'where'> } | null

export class Schemas {
  /** Compiled texts, by position. */
  readonly modules: string[] = []
  readonly files: SchemaFiles
  readonly #documents: Documents
  readonly #report: Report
  readonly #known = new Map<string, Compiled>()

  /** @param root absolute: the configuration's own folder */
  constructor(root: string, documents: Documents, report: Report) {
    this.#documents = documents
    this.#report = report
    this.files = new SchemaFiles(root, shownFrom(process.cwd()), (path) => documents.notice(path))
  }

  /** Of a value as a whole; null: it is not usable, which is then reported. */
  ofValue(written: WrittenSchema, path: Path): SchemaPlan | null {
    const compiled = this.#compiled(written, path)
    if (compiled === null) return null
    const { module, name } = compiled.plan
    return { module, name, where: this.#report.where(path) }
  }

  /** Of an object of parameters, whose values are texts on the wire. */
  ofParameters(written: WrittenSchema, path: Path): ParametersPlan | null {
    const compiled = this.#compiled(written, path)
    return compiled === null ? null : { ...compiled.plan, where: this.#report.where(path) }
  }

  /** Position of a compiled text, the same for the same text. */
  add(source: string): number {
    const at = this.modules.indexOf(source)
    return at >= 0 ? at : this.modules.push(source) - 1
  }

  #compiled(written: WrittenSchema, path: Path): Compiled {
    if (this.#report.isPlaceholder(path)) return null
    const key = typeof written === 'string' ? this.#documents.resolve(written, path) : pathText(path)
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const compiled = this.#compile(written, path, key)
    this.#known.set(key, compiled)
    return compiled
  }

  #compile(written: WrittenSchema, path: Path, key: string): Compiled {
    const document = typeof written === 'string' ? this.files.open(key) : this.#inPlace(written, path)
    const fault = (message: string): null => {
      this.#report.error(path, message)
      return null
    }
    if (typeof document === 'string') return fault(this.#report.quoting(path, document, HIDDEN_FILE))
    const { set, faults } = collect(document, [[]], this.files, false)
    if (faults.length === 0)
      for (const { pointer, message } of checkAgainstMeta(document.value)) {
        const at = stepsOf(pointer) ?? []
        faults.push(`${document.where(at)} ${pointerText(at)}: ${message}`)
      }
    for (const each of faults) fault(each)
    if (faults.length > 0) return null
    const compiled = compileSchemas(set, { schema: document.uri })
    if (typeof compiled === 'string') return fault(`${document.where([])}: ${compiled}`)
    const types = parameterTypes(set, document.uri)
    return { plan: { module: this.add(compiled.source), name: 'schema', types } }
  }

  /** References in it start at the file that it stands in. */
  #inPlace(value: Readonly<Record<string, unknown>>, path: Path): SchemaDocument {
    const place = this.#documents.resolve('.', path)
    return {
      uri: `${pathToFileURL(place).href}/?${fragmentOf(path)}`,
      value,
      where: (at) => this.#report.where([...path, ...at])
    }
  }
}
