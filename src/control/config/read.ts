/**
 * Bytes of a file as text, or the reason why not. Symbolic links are followed, as Kubernetes mounts and certificate
 * tools make them; what they lead to must be an ordinary file.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** All control characters but tab, line feed and carriage return. */
// oxlint-disable-next-line no-control-regex -- finding them is the point
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/

export type Content = { text: string } | { text: string; fault: string; offset: number }

/** Reads at most `maxBytes`. With a fault, `text` is what could be read, for turning `offset` into a line. */
export function readText(path: string, maxBytes: number): Content {
  const bytes = readBytes(path, maxBytes)
  if (typeof bytes === 'string') return { text: '', fault: bytes, offset: 0 }
  const mark = byteOrderMark(bytes)
  if (mark !== null) return { text: '', fault: `starts with a byte order mark; save it as ${mark}`, offset: 0 }
  let text: string
  try {
    text = UTF8.decode(bytes)
  } catch {
    const lenient = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
    return { text: lenient, fault: 'is not UTF-8 text here', offset: Math.max(0, lenient.indexOf('\ufffd')) }
  }
  const control = text.search(CONTROL)
  if (control < 0) return { text }
  const code = text.charCodeAt(control).toString(16).toUpperCase().padStart(4, '0')
  return { text, fault: `holds a control character (U+${code}): is this a text file?`, offset: control }
}

function readBytes(path: string, maxBytes: number): Buffer | string {
  let file: number
  try {
    // Without O_NONBLOCK the opening of a named pipe waits for a writer.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    return reasonOf(error)
  }
  try {
    const status = fstatSync(file)
    if (status.isDirectory()) return 'is a directory'
    if (!status.isFile()) return 'is not an ordinary file'
    if (status.size > maxBytes) return tooLarge(maxBytes)
    // One byte more than allowed, in case the file grows while it is read.
    const buffer = Buffer.allocUnsafe(Math.min(status.size, maxBytes) + 1)
    let length = 0
    for (let n = -1; n !== 0 && length < buffer.length; length += n) {
      n = readSync(file, buffer, length, buffer.length - length, null)
    }
    if (length > status.size) return 'changed while it was read'
    return buffer.subarray(0, length)
  } catch (error) {
    return reasonOf(error)
  } finally {
    closeSync(file)
  }
}

function tooLarge(maxBytes: number): string {
  return `is larger than ${maxBytes >> 20} MiB`
}

function byteOrderMark(bytes: Buffer): string | null {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'UTF-8 without one'
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) return 'UTF-8, without one'
  return null
}

/** Why a file could not be opened, without its path. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : ''
  if (code === 'ENOENT') return 'does not exist'
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read: permission denied'
  if (code === 'ELOOP') return 'is a symbolic link that leads in a circle'
  if (code === 'ENOTDIR') return 'does not exist: part of its path is not a directory'
  if (code === 'ENAMETOOLONG') return 'does not exist: its path is too long'
  if (code === 'ENXIO') return 'is not an ordinary file'
  return `can't be read: ${String(code || error)}`
}
