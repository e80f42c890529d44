/** A key that is known, but in another place: usually a line indented too far, or a mapping around it left out. */
import type { Shape } from './schema/shapes.ts'

type Properties = Readonly<Record<string, Shape>>

/**
 * Where an unknown key would be known, in words for the end of a message: in one mapping below, or in one around; null: in
 * neither.
 *
 * @param around what the mappings may hold in which the key stands, the outermost first and its own last
 */
export function keyElsewhere(key: string, around: readonly Properties[]): string | null {
  const below = Object.entries(around.at(-1) ?? {}).filter(([, shape]) => holds(shape, key))
  const [one, ...others] = below.map(([name]) => JSON.stringify(name))
  if (one !== undefined && others.length === 0) return `; it belongs in ${one}`
  const own = around.length - 1
  const levels = own - around.findLastIndex((properties, i) => i < own && Object.hasOwn(properties, key))
  if (levels > own) return null
  return `; it belongs ${levels === 1 ? 'one level' : `${levels} levels`} further out: look at its indentation`
}

function holds(shape: Shape, key: string): boolean {
  return (shape.anyOf ?? [shape]).some(({ properties }) => properties !== undefined && Object.hasOwn(properties, key))
}
