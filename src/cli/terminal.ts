/** Printing: colour where a person reads it and wants it, JSON where a program does. */
import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Whether the stream is a terminal and NO_COLOR (no-color.org) doesn't forbid colour. */
export function wantsColor(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY && !process.env['NO_COLOR']
}

export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return wantsColor(stream) ? styleText(style, text, { validateStream: false }) : text
}

/**
 * What clients chose, on one line of a terminal: control characters would move its cursor, change its colours or forge
 * a line, and characters of format (Cf) turn the direction of what follows, so they are written as escapes.
 */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) =>
    c === '\n' ? '\\n' : `\\u{${c.codePointAt(0)?.toString(16)}}`
  )
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2))
}

export function complain(text: string): void {
  process.stderr.write(`gatehouse: ${text}\n`)
}
