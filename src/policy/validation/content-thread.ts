/** A thread that judges large bodies. It yields to the worker, which serves everybody else meanwhile. */
import { lowerPriority } from '../../priority.ts'
import type { JsonBounds } from '../../json.ts'
import { judgeContent, type Judged } from './content.ts'
import { loadValidators, type Validator } from './validator.ts'

export interface ContentTask {
  readonly bytes: Uint8Array
  readonly bounds: JsonBounds
  /** Compiled schema and its export there; null: only the bounds are asked. */
  readonly source: string | null
  readonly name: string
  readonly wantValue: boolean
}

// Below the workers, above what runs only when all else sleeps.
lowerPriority(10)

/** Compiled texts kept, the newest last: reloads bring new ones. */
const MAX_LOADED = 64
const loaded = new Map<string, ReadonlyMap<string, Validator>>()

export default function judgeTask({ bytes, bounds, source, name, wantValue }: ContentTask): Judged {
  const { fault, value } = judgeContent(bytes, bounds, source === null ? null : validator(source, name))
  return { fault, value: wantValue ? value : undefined }
}

function validator(source: string, name: string): Validator {
  let known = loaded.get(source)
  if (known === undefined) {
    known = loadValidators(source)
    if (loaded.size >= MAX_LOADED) for (const oldest of loaded.keys()) if (loaded.delete(oldest)) break
    loaded.set(source, known)
  }
  const check = known.get(name)
  if (check === undefined) throw new Error(`the compiled schema has no ${name}`)
  return check
}
