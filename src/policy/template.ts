import type { Template } from '../plan/values.ts'
import type { RequestView } from '../request.ts'
import { encodeComponent, encodeHeaderText, isFieldValue, toLatin1 } from './encoding.ts'
import { type Lookup, prepareLookup } from './lookup.ts'

/**
 * Text with values of the request in it, for one kind of place. Literal text is the owner's and stays as written;
 * values are encoded for the place, so that none can end a header, leave its path segment or start markup.
 *
 * - `header`: encoded as identity headers are (everything outside 0x21-0x7E, commas, `%`).
 * - `component`: only unreserved characters stay; `path:x` and `rest` go in encoded as they came, `rest` with its
 *   slashes. For paths, for `location`, and for bodies, where it is safe in HTML and JSON too.
 */
export type Place = 'header' | 'component'

export interface PreparedTemplate {
  /** Literals and lookups in turn, literals at even positions: '' where there is none. */
  readonly literals: readonly string[]
  readonly values: readonly Lookup[]
}

/** Throws when a literal for a header holds a control character: CR or LF in it would be another header. */
export function prepareTemplate(template: Template, place: Place): PreparedTemplate {
  const literals: string[] = ['']
  const values: Lookup[] = []
  for (const piece of template) {
    if (typeof piece === 'string') {
      const text = place === 'header' ? toLatin1(piece) : piece
      if (place === 'header' && !isFieldValue(text)) throw new Error('a header value can’t hold control characters')
      literals.push((literals.pop() ?? '') + text)
    } else {
      values.push(prepareValue(piece, place))
      literals.push('')
    }
  }
  return { literals, values }
}

/** An absent value leaves nothing. */
export function render(template: PreparedTemplate, view: RequestView): string {
  let text = template.literals[0] ?? ''
  for (let i = 0; i < template.values.length; i++) {
    const value = template.values[i]?.(view)
    if (value !== undefined) text += value
    text += template.literals[i + 1] ?? ''
  }
  return text
}

/** Whether a client chooses a value in it: header, query, cookie, path, host. */
export function isClientChosen(template: Template): boolean {
  return template.some((piece) => typeof piece !== 'string' && CLIENT_CHOSEN.includes(piece.kind))
}

const CLIENT_CHOSEN: readonly string[] = ['header', 'query', 'cookie', 'path', 'host', 'path-name', 'host-name', 'rest']

function prepareValue(piece: Exclude<Template[number], string>, place: Place): Lookup {
  // Already encoded and normalised: no byte outside 0x21-0x7E is left in it.
  if (piece.kind === 'rest') return (view) => view.rest
  if (place === 'component') {
    if (piece.kind === 'path') return (view) => view.path
    if (piece.kind === 'path-name') {
      const { name } = piece
      return (view) => view.pathParam(name)
    }
  }
  const read = prepareLookup(piece)
  const encode = place === 'header' ? encodeHeaderText : encodeComponent
  return (view) => {
    const value = read(view)
    return value === undefined ? undefined : encode(value)
  }
}
