/** CEL's syntax tree: the part of the library's that it documents, as this room's own type. */
export type Node = { readonly pos: number } & (
  | { readonly op: 'value'; readonly args: unknown }
  | { readonly op: 'id'; readonly args: string }
  | { readonly op: '.'; readonly args: readonly [Node, string] }
  | { readonly op: '[]' | '&&' | '||' | BinaryOp; readonly args: readonly [Node, Node] }
  | { readonly op: 'call'; readonly args: readonly [string, readonly Node[]] }
  | { readonly op: 'rcall'; readonly args: readonly [string, Node, readonly Node[]] }
  | { readonly op: 'list'; readonly args: readonly Node[] }
  | { readonly op: 'map'; readonly args: readonly (readonly [Node, Node])[] }
  | { readonly op: '?:'; readonly args: readonly [Node, Node, Node] }
  | { readonly op: '!_' | '-_'; readonly args: Node }
  | { readonly op: '.?'; readonly args: readonly [Node, string] }
  | { readonly op: '[?]'; readonly args: readonly [Node, Node] }
)
export type BinaryOp = '==' | '!=' | 'in' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*' | '/' | '%'

/** A mistake of the rule's author, at a character of the source. */
export class RuleError extends Error {
  readonly pos: number
  constructor(message: string, pos: number) {
    super(message)
    this.pos = pos
  }
}

/** Macros: name to number of arguments. */
export const MACROS: ReadonlyMap<string, readonly number[]> = new Map([
  ['all', [2]],
  ['exists', [2]],
  ['exists_one', [2]],
  ['filter', [2]],
  ['map', [2, 3]]
])

/** The operands of a node, in order. */
export function children(node: Node): readonly Node[] {
  switch (node.op) {
    case 'value':
    case 'id':
      return []
    case '.':
    case '.?':
      return [node.args[0]]
    case '!_':
    case '-_':
      return [node.args]
    case 'call':
      return node.args[1]
    case 'rcall':
      return [node.args[1], ...node.args[2]]
    case 'map':
      return node.args.flat()
    default:
      return node.args
  }
}

/** Whether `node` is `root.name`. */
export function isField(node: Node, root: string, name: string): boolean {
  return node.op === '.' && node.args[1] === name && node.args[0].op === 'id' && node.args[0].args === root
}

/** Whether `node` is `request.headers`. */
export function isHeaders(node: Node): boolean {
  return isField(node, 'request', 'headers')
}
