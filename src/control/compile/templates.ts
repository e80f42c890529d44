/**
 * Text with values in it: header values, a rewritten path, an answer's headers and body. `{claim:sub}` is a word of
 * `by`, `{id}` a part of the path (rewrites and answers), `{*}` what the pattern's `/*` took. `{{` is a literal `{`.
 * Braces around anything but a single word are literal too, so that a JSON body can be written as it is.
 */
import type { Template } from '../../plan/values.ts'
import { danglingName, parseKeyPart, type PatternNames } from '../config/key-parts.ts'

const VALUE = /\{\{|\{(\*|[A-Za-z][A-Za-z0-9_-]*(?::[^{}]*)?)\}/g

/** What is said of a template that a reference gives, which may be a secret with braces in it. */
export const HIDDEN_TEMPLATE = 'what stands between { and } is no value to put in; a literal { is written {{'

/** What a route offers to a template. */
export interface TemplateScope extends PatternNames {
  /** Whether every path of the route ends in `/*`. */
  wildcard: boolean
}

/** `rewrite`: parts of the path only. `answer`: those and `by`'s words. `header`: `by`'s words and `{*}`. */
export type TemplateUse = 'rewrite' | 'answer' | 'header'

/** Reads `text`; every reason why it can't be used on this route, none when it can. */
export function parseTemplate(
  text: string,
  use: TemplateUse,
  scope: TemplateScope
): { template: Template; reasons: string[] } {
  const template: Template = []
  const reasons: string[] = []
  let literal = ''
  let end = 0
  for (const found of text.matchAll(VALUE)) {
    literal += text.slice(end, found.index)
    end = found.index + found[0].length
    const word = found[1]
    if (word === undefined) {
      literal += '{'
      continue
    }
    const piece = parsePiece(word, use, scope)
    if ('reason' in piece) {
      reasons.push(`{${word}}: ${piece.reason}`)
      continue
    }
    if (literal !== '') template.push(literal)
    literal = ''
    template.push(piece.part)
  }
  literal += text.slice(end)
  if (literal !== '' || template.length === 0) template.push(literal)
  return { template, reasons }
}

/** The literal pieces, for checks of what may stand in them. */
export function literals(template: Template): string[] {
  return template.filter((piece) => typeof piece === 'string')
}

function parsePiece(
  word: string,
  use: TemplateUse,
  scope: TemplateScope
): { part: Exclude<Template[number], string> } | { reason: string } {
  if (word === '*') return scope.wildcard ? { part: { kind: 'rest' } } : { reason: 'only where every path ends in /*' }
  if (use !== 'header' && scope.path.includes(word)) return { part: { kind: 'path-name', name: word } }
  const parsed = parseKeyPart(word)
  if ('reason' in parsed) {
    if (use === 'header' && scope.path.includes(word)) return { reason: `write {path:${word}}` }
    return use === 'rewrite' ? { reason: 'no name of every path of the route' } : parsed
  }
  if (use === 'rewrite' && parsed.part.kind !== 'path-name') return { reason: 'a rewrite holds parts of the path only' }
  const dangling = danglingName(parsed.part, scope)
  return dangling === null ? parsed : { reason: dangling }
}
