import { checkNativeBinary } from '../native-binary.ts'
import { gatehouseVersion } from '../version.ts'
import { defineCommand, EXIT, JSON_OPTION } from './command.ts'
import { print, printJson } from './terminal.ts'

export const version = defineCommand({
  usage: '[--json]',
  summary: 'Print the version of Gatehouse, and of what it runs on.',
  options: { json: JSON_OPTION },
  arguments: 0,
  examples: [['gatehouse version --json', 'For inventories: gatehouse, node, uWebSockets.js and its digest.']],
  run: ({ json }) => {
    const gatehouse = gatehouseVersion()
    const native = nativeRelease()
    if (json) printJson({ gatehouse, node: process.version, uWebSockets: native })
    else print(`gatehouse ${gatehouse}, Node.js ${process.version.slice(1)}, ${native.release ?? native.problem}`)
    return EXIT.yes
  }
})

function nativeRelease(): { release: string | null; sha512?: string; problem?: string } {
  try {
    const { release, sha512 } = checkNativeBinary()
    return { release, sha512 }
  } catch (error) {
    return { release: null, problem: error instanceof Error ? error.message : String(error) }
  }
}
