import { children, isField, isHeaders, MACROS, type Node, RuleError } from './syntax.ts'
import { BODY, CERTIFICATE_FIELDS, FIELDS, MAPS, type Surroundings } from './variables.ts'

/**
 * Checks what types alone don't: names of the route, fields of fixed variables, what isn't known here. Gives the
 * variables the rule reads. Throws a RuleError.
 */
export function inspectRule(root: Node, around: Surroundings): ReadonlySet<string> {
  const roots = new Set<string>()
  inspect(root, around, [], roots)
  return roots
}

/** `scoped`: names of the elements of the macros around. */
function inspect(node: Node, around: Surroundings, scoped: readonly string[], roots: Set<string>): void {
  switch (node.op) {
    case 'id':
      return inspectName(node.args, node.pos, around, scoped, roots)
    case '.':
    case '[]': {
      const [base, key] = node.args
      const name = typeof key === 'string' ? key : textOf(key)
      if (isHeaders(base) && !scoped.includes('request')) inspectHeader(name, node.pos)
      if (isField(base, 'client', 'certificate') && !scoped.includes('client')) {
        inspectCertificate(name, node.op === '.', node.pos)
        roots.add('client')
        return
      }
      if (base.op === 'id' && !scoped.includes(base.args)) {
        inspectMember(base.args, name, node.op === '.', node.pos, around)
        if (base.args in FIELDS) {
          roots.add(base.args)
          return
        }
      }
      inspect(base, around, scoped, roots)
      if (typeof key !== 'string') inspect(key, around, scoped, roots)
      return
    }
    case 'in': {
      const [name, map] = node.args
      if (isHeaders(map) && !scoped.includes('request')) inspectHeader(textOf(name), name.pos)
      break
    }
    case 'call':
      if (node.args[0] === 'has') inspectHas(node.args[1][0])
      break
    case 'rcall': {
      const [name, receiver, args] = node.args
      if (MACROS.get(name)?.includes(args.length) !== true) break
      inspect(receiver, around, scoped, roots)
      const [variable] = args
      if (variable?.op !== 'id') throw new RuleError(`${name} needs a name for each element first`, node.pos)
      if (isVariable(variable.args)) {
        throw new RuleError(`${variable.args} already means something here; name the element otherwise`, variable.pos)
      }
      for (const arg of args.slice(1)) inspect(arg, around, [...scoped, variable.args], roots)
      return
    }
  }
  for (const child of children(node)) inspect(child, around, scoped, roots)
}

/** Whether a rule that has been inspected reads `request.headers`. */
export function readsHeaders(node: Node): boolean {
  return isHeaders(node) || children(node).some(readsHeaders)
}

/** Whether `name` is a variable of every rule. */
export function isVariable(name: string): boolean {
  return name in FIELDS || name in MAPS || name === 'now' || name === BODY
}

function inspectName(
  name: string,
  pos: number,
  { body }: Surroundings,
  scoped: readonly string[],
  roots: Set<string>
): void {
  if (scoped.includes(name)) return
  if (name === BODY && !body)
    throw new RuleError('body needs validate.body.schema, enforced, and a rule of authorize on such a route', pos)
  if (name in FIELDS) throw new RuleError(`${name} is no value itself: ${fieldNames(name)}`, pos)
  if (name === 'cel' || name === 'optional' || name === 'google')
    throw new RuleError(`${name} can’t be used in rules`, pos)
  roots.add(name)
}

function inspectMember(root: string, name: string | null, dotted: boolean, pos: number, around: Surroundings): void {
  if (root === 'client' && name === 'certificate') {
    throw new RuleError(`client.certificate is no value itself: ${CERTIFICATE_NAMES}`, pos)
  }
  const fields = FIELDS[root]
  if (fields !== undefined) {
    const known = name !== null && (Object.hasOwn(fields, name) || (root === 'request' && name === 'headers'))
    if (!known || !dotted) {
      throw new RuleError(
        name === null || known ? fieldNames(root) : `${root} has no ${name}: ${fieldNames(root)}`,
        pos
      )
    }
  }
  const allowed = root === 'path' ? around.path : root === 'host' ? around.host : null
  if (allowed !== null && name !== null && !allowed.includes(name)) {
    const there = allowed.length === 0 ? 'it has none' : `it has ${allowed.map((x) => `{${x}}`).join(', ')}`
    throw new RuleError(`the route's ${root === 'path' ? 'paths' : 'hosts'} have no {${name}}; ${there}`, pos)
  }
}

/** A text that stands there as such. */
function textOf(node: Node): string | null {
  return node.op === 'value' && typeof node.args === 'string' ? node.args : null
}

/** A name in other case would never be there: a rule that asks for its absence would let everything pass. */
function inspectHeader(name: string | null, pos: number): void {
  if (name !== null && name !== name.toLowerCase())
    throw new RuleError(`names in request.headers are lower-case: write ${JSON.stringify(name.toLowerCase())}`, pos)
}

const CERTIFICATE_NAMES = `write ${Object.keys(CERTIFICATE_FIELDS)
  .map((name) => `client.certificate.${name}`)
  .join(', ')}`

function inspectCertificate(name: string | null, dotted: boolean, pos: number): void {
  if (name !== null && dotted && Object.hasOwn(CERTIFICATE_FIELDS, name)) return
  throw new RuleError(`client.certificate has no ${name ?? 'such part'}: ${CERTIFICATE_NAMES}`, pos)
}

function fieldNames(root: string): string {
  const names = Object.keys(FIELDS[root] ?? {})
  if (root === 'request') names.push('headers')
  return `write ${names.map((name) => `${root}.${name}`).join(', ')}`
}

function inspectHas(argument: Node | undefined): void {
  if (argument?.op !== '.') return
  const [base, name] = argument.args
  if (isField(base, 'client', 'certificate')) {
    throw new RuleError(
      `client.certificate.${name} is always there; compare it with what it is when empty`,
      argument.pos
    )
  }
  if (base.op === 'id' && base.args in FIELDS) {
    throw new RuleError(`${base.args}.${name} is always there; compare it with what it is when empty`, argument.pos)
  }
}
