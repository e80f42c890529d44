/**
 * An OpenAPI document as a configuration to start from: one service, one route an operation. Nothing comes out public:
 * what the document leaves open, its reader has to open.
 */
import { dirname } from 'node:path'
import { parsePattern } from '../../routing/pattern.ts'
import { pointerText } from './collect.ts'
import { SchemaFiles } from './files.ts'
import { checkOpenApi, openApiVersion } from './openapi-check.ts'
import { OperationFinder, type FoundOperation } from './openapi-operations.ts'
import { isMapping, type Mapping } from './walk.ts'

export interface Imported {
  /** YAML. */
  text: string
  /** Operations that no route can be written for, and why; parts that are not enforced. */
  left: string[]
}

/** @param file absolute; `shown` is how the configuration names it. A string: why it can't be imported. */
export function importOpenApi(file: string, shown: string): Imported | string {
  const document = new SchemaFiles(
    dirname(file),
    (path) => path,
    () => {}
  ).open(file)
  if (typeof document === 'string') return document
  const { value } = document
  const version = openApiVersion(value)
  if (version === null || !isMapping(value)) return `${shown}: expected an OpenAPI document of version 3.0 or 3.1`
  const [fault] = checkOpenApi(value, version)
  if (fault) return `${shown} ${fault.pointer}: ${fault.message}`
  const left: string[] = []
  const files = new SchemaFiles(
    dirname(file),
    (path) => path,
    () => {}
  )
  const finder = new OperationFinder(files, ({ at }, message) => left.push(`${pointerText(at)}: ${message}`))
  return { text: written(value, finder.operations(document), shown, left), left }
}

function written(root: Mapping, operations: readonly FoundOperation[], shown: string, left: string[]): string {
  const info = isMapping(root['info']) ? root['info'] : {}
  const title = typeof info['title'] === 'string' ? info['title'] : 'api'
  const server = serverOf(root)
  const service = slug(title) || 'api'
  const names = new Set<string>()
  // GET answers HEAD as well: both would be two routes for one request.
  const gets = new Set(operations.filter(({ method }) => method === 'GET').map(({ path }) => path))
  const routes: string[] = []
  for (const operation of operations) {
    const { method, path } = operation
    if (method === 'HEAD' && gets.has(path)) continue
    const pattern = server.base + renamed(path)
    const parsed = parsePattern(pattern)
    if (!parsed.ok) {
      left.push(`${method} ${path}: no route, ${parsed.reason}`)
      continue
    }
    const { auth, remark } = authOf(root, operation.at.value, service)
    const name = unique(nameOf(operation), names)
    routes.push(
      `      - name: ${name}`,
      `        match: { methods: [${method}], paths: [${JSON.stringify(pattern)}] }`,
      `        policies: { auth: ${auth} }${remark === '' ? '' : ` # ${remark}`}`
    )
  }
  return `${[
    `# From ${shown}. Where the document leaves open who may call, "auth" asks for an API key: look at every line that says so.`,
    'version: 1',
    'listen: [ { name: public, address: "127.0.0.1:8080" } ]',
    'services:',
    `  - name: ${service}`,
    `    url: ${server.origin}${server.known ? '' : ' # the document names no server'}`,
    `    policies: { validate: { openapi: ${JSON.stringify(shown)} } }`,
    '    routes:',
    ...routes
  ].join('\n')}\n`
}

function serverOf(root: Mapping): { origin: string; base: string; known: boolean } {
  const servers = Array.isArray(root['servers']) ? (root['servers'] as unknown[]) : []
  const [first] = servers
  const url = isMapping(first) && typeof first['url'] === 'string' ? first['url'] : '/'
  if (url.includes('{') || !URL.canParse(url, 'http://127.0.0.1:8081'))
    return { origin: 'http://127.0.0.1:8081', base: '', known: false }
  const parsed = new URL(url, 'http://127.0.0.1:8081')
  return { origin: parsed.origin, base: parsed.pathname.replace(/\/$/, ''), known: /^https?:/.test(url) }
}

/** `{x}` of a path in letters that a route's may have. */
function renamed(path: string): string {
  return path.replace(/\{([^{}]*)\}/g, (_, name: string) => {
    const plain = name.replace(/[^A-Za-z0-9_-]/g, '_')
    return `{${/^[A-Za-z_]/.test(plain) ? plain : `_${plain}`}}`
  })
}

function nameOf({ method, path, at }: FoundOperation): string {
  const id = at.value['operationId']
  return slug(typeof id === 'string' ? id : '') || slug(`${method}-${path}`)
}

function slug(text: string): string {
  return text
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 50)
}

const RESERVED: readonly string[] = ['none', 'all', 'public']

function unique(name: string, names: Set<string>): string {
  const base = name === '' || RESERVED.includes(name) ? `${name}-route`.replace(/^-/, '') : name
  let free = base
  for (let i = 2; names.has(free); i++) free = `${base}-${i}`
  names.add(free)
  return free
}

const CLOSED = '{ key: true }'

/** What the operation's security asks, as far as it is clear; never public. */
function authOf(root: Mapping, operation: Mapping, service: string): { auth: string; remark: string } {
  const security = operation['security'] ?? root['security']
  const alternatives = Array.isArray(security) ? security.filter(isMapping) : []
  const [first] = alternatives
  if (first === undefined || Object.keys(first).length === 0)
    return { auth: CLOSED, remark: 'the document asks for nothing: say "auth: public" if that is meant' }
  if (alternatives.length > 1 || Object.keys(first).length > 1)
    return { auth: CLOSED, remark: `the document has several ways: ${JSON.stringify(security)}` }
  const [name = ''] = Object.keys(first)
  const components = isMapping(root['components']) ? root['components'] : {}
  const schemes = isMapping(components['securitySchemes']) ? components['securitySchemes'] : {}
  const scheme = isMapping(schemes[name]) ? schemes[name] : {}
  const { type, scheme: http, in: place, name: at } = scheme
  if (type === 'apiKey' && typeof at === 'string' && (place === 'header' || place === 'cookie'))
    return { auth: `{ key: { ${place}: ${JSON.stringify(at)} } }`, remark: '' }
  if (type === 'http' && String(http).toLowerCase() === 'basic') return { auth: '{ basic: true }', remark: '' }
  if (type === 'oauth2' || type === 'openIdConnect' || (type === 'http' && String(http).toLowerCase() === 'bearer'))
    return {
      auth: `{ jwt: { consumers: true, audiences: [${service}] } }`,
      remark: `${name}: name the issuers instead of consumers`
    }
  return { auth: CLOSED, remark: `the document asks for ${name}, which has no counterpart here` }
}
