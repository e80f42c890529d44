/**
 * Preloaded by test/all.ts. Keeps what is left of a source without its types: Node.js 22 strips it anew in every
 * process and thread that loads it, which was a quarter of the processor time of all tests.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { fileURLToPath } from 'node:url'
import { threadId } from 'node:worker_threads'

const root = new URL('..', import.meta.url).href
const kept = fileURLToPath(new URL('../.node/stripped/', import.meta.url))

registerHooks({
  load(url, context, next) {
    if (!url.startsWith(root) || !url.endsWith('.ts') || url.includes('/node_modules/')) return next(url, context)
    const path = fileURLToPath(url)
    return { format: 'module', source: stripped(path, readFileSync(path, 'utf8')), shortCircuit: true }
  }
})

/** One file for each source, whose last line says of which text it is, and by which Node.js. */
function stripped(path, text) {
  const file = kept + path.slice(fileURLToPath(root).length).replaceAll('/', '+')
  const mark = `\n//${createHash('sha256').update(process.version).update(text).digest('hex')}`
  const before = contentOf(file)
  if (before?.endsWith(mark)) return before
  const after = stripTypeScriptTypes(text) + mark
  try {
    // Another process may read it meanwhile.
    const whole = `${file}.${process.pid}.${threadId}`
    mkdirSync(kept, { recursive: true })
    writeFileSync(whole, after)
    renameSync(whole, file)
  } catch {
    // Where nothing can be written, it is stripped each time.
  }
  return after
}

function contentOf(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
