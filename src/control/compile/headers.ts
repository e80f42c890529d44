/**
 * `headers`: settings per header name and operation. A nearer `set` of a header replaces a farther `set` of it and
 * leaves the others; names to remove add up, and `remove: []` takes back what farther levels remove. A nearer `remove`
 * is the last word of a name: what farther levels set, default or append of it is gone.
 */
import { IDENTITY_FIELDS } from '../../field-names.ts'
import { requestOperationsProblem } from '../../policy/request-headers.ts'
import { responseOperationsProblem } from '../../policy/response-headers.ts'
import type { HeaderOperationsConfig } from '../config/schema.ts'
import type { HeaderOperations, HeadersPlan } from '../../plan/headers.ts'
import type { IdentityPlan } from '../../plan/identity.ts'
import type { Template } from '../../plan/values.ts'
import { answerNameFault, literalFault } from './header-text.ts'
import { speaking, type Block, type Said, type Sourced } from './levels.ts'
import type { Path, Report } from './report.ts'
import { HIDDEN_TEMPLATE, parseTemplate, type TemplateScope } from './templates.ts'

const VALUED = ['set', 'default', 'append'] as const

/** What of a route its headers depend on. */
export interface HeaderedRoute {
  name: string
  scope: TemplateScope
  identity: IdentityPlan
}

export function compileHeaders(blocks: readonly Block[], route: HeaderedRoute, report: Report): HeadersPlan {
  const said = speaking(blocks, 'headers')
  const security = said.findLast(({ value }) => value.security !== undefined)?.value.security ?? false
  const request = compileSide(said, 'request', route, report)
  const response = compileSide(said, 'response', route, report)
  const last = said.at(-1)
  for (const problem of [requestOperationsProblem(request), responseOperationsProblem(response)]) {
    if (problem !== null && last !== undefined && !report.failed)
      report.ofRoute('error', route.name, last.path, problem)
  }
  return { security, request, response }
}

interface Text {
  text: string
  path: Path
}

function compileSide(
  said: readonly Sourced<Said<'headers'>>[],
  side: 'request' | 'response',
  route: HeaderedRoute,
  report: Report
): HeaderOperations {
  const remove = new Map<string, Path>()
  const rename = new Map<string, Text>()
  const valued = { set: new Map<string, Text>(), default: new Map<string, Text>(), append: new Map<string, Text>() }
  for (const { value, path } of said) {
    const operations: HeaderOperationsConfig | undefined = value[side]
    if (!operations) continue
    const at = [...path, side]
    if (operations.remove?.length === 0) {
      if (remove.size > 0)
        report.widening([...at, 'remove'], 'remove: [] lets pass what farther levels remove', [...remove.keys()])
      remove.clear()
    }
    operations.remove?.forEach((name, i) => {
      remove.set(name.toLowerCase(), [...at, 'remove', i])
      for (const operation of VALUED) valued[operation].delete(name.toLowerCase())
    })
    collect(rename, operations.rename, [...at, 'rename'])
    for (const operation of VALUED) collect(valued[operation], operations[operation], [...at, operation])
  }
  const named = [...remove, ...pathsOf(rename), ...VALUED.flatMap((operation) => pathsOf(valued[operation]))]
  const renamed = [...rename.values()].map(({ text, path }): [string, Path] => [text.toLowerCase(), path])
  for (const [name, path] of [...named, ...renamed]) checkName(name, path, side, route, report)
  const compiled = (texts: ReadonlyMap<string, Text>): { name: string; value: Template }[] =>
    [...texts].map(([name, text]) => ({ name, value: compileText(text, route, report) }))
  return {
    remove: [...remove.keys()],
    rename: [...rename].map(([from, { text }]) => ({ from, to: text.toLowerCase() })),
    set: compiled(valued.set),
    default: compiled(valued.default),
    append: compiled(valued.append)
  }
}

function collect(into: Map<string, Text>, from: Readonly<Record<string, string>> | undefined, path: Path): void {
  for (const [name, text] of Object.entries(from ?? {})) into.set(name.toLowerCase(), { text, path: [...path, name] })
}

function pathsOf(texts: ReadonlyMap<string, Text>): [string, Path][] {
  return [...texts].map(([name, { path }]) => [name, path])
}

function checkName(name: string, path: Path, side: 'request' | 'response', route: HeaderedRoute, report: Report): void {
  const fault = side === 'response' ? answerNameFault(name) : null
  if (fault !== null) report.ofRoute('error', route.name, path, fault)
  // `identity` writes these after `headers` has run, so nothing said of them here could hold.
  if (side === 'request' && route.identity.token !== undefined && name === 'authorization')
    report.ofRoute('error', route.name, path, `${name} is written by identity.token, after headers`)
  if (side === 'request' && route.identity.headers && IDENTITY_FIELDS.has(name))
    report.ofRoute(
      'error',
      route.name,
      path,
      `${name} is written by identity, after headers: use another name, or say identity: { headers: false }`
    )
}

function compileText({ text, path }: Text, route: HeaderedRoute, report: Report): Template {
  const { template, reasons } = parseTemplate(text, 'header', route.scope)
  for (const reason of reasons) report.ofRoute('error', route.name, path, report.quoting(path, reason, HIDDEN_TEMPLATE))
  const fault = literalFault(template)
  if (fault !== null) report.ofRoute('error', route.name, path, fault)
  return template
}
