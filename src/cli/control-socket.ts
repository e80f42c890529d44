/** Where the control socket of the gateway that runs a configuration file is. */
import { dirname, join, resolve } from 'node:path'
import { child, lineStartsOf, type Node, textOf } from '../control/config/nodes.ts'
import { References } from '../control/config/interpolate.ts'
import { readText } from '../control/config/read.ts'
import { readSource } from '../control/config/source.ts'
import { parseYaml } from '../control/config/yaml.ts'
import { CannotTell } from './command.ts'
import type { ConfigFile } from './config-file.ts'

const LARGEST = 4 << 20

/**
 * Reads `state.dir` alone: a running gateway can be asked and stopped while its file is being edited and broken
 * elsewhere, and without waiting for the whole check.
 */
export async function controlSocketOf({ file, name }: ConfigFile): Promise<string> {
  const root = readSource(file, name)
  const state = child(root.kind === 'mapping' ? root : stateOf(file, name), 'state')
  const dir = child(state, 'dir')
  if (dir) {
    new References(process.env, true).resolve(dir)
    const text = textOf(dir)
    if (text === undefined || dir.problems)
      throw new CannotTell(`${name}: state.dir can't be read; gatehouse check says why`)
    return join(resolve(dirname(file), text), 'control.sock')
  }
  if (child(state, 'file')) return join(await includedStateDir(file, name), 'control.sock')
  return join(dirname(file), 'var', 'control.sock')
}

/** The lines of `state`, of a file that is no YAML as a whole: up to the next line that is not indented. */
function stateOf(path: string, shown: string): Node {
  const { text } = readText(path, LARGEST)
  const lines = /^state[ \t]*:.*(?:\n[ \t].*)*/m.exec(text)?.[0] ?? ''
  return parseYaml({ path, shown, lineStarts: lineStartsOf(lines) }, lines)
}

/** `state` stands in a file of its own: only the whole reader follows it there. */
async function includedStateDir(file: string, name: string): Promise<string> {
  const { loadConfig } = await import('../control/config/load.ts')
  const { stateDirOf } = await import('../control/compile/index.ts')
  const { loaded } = loadConfig(file, { name })
  if (loaded === null) throw new CannotTell(`${name} has errors; gatehouse check says which`)
  return stateDirOf(loaded)
}
