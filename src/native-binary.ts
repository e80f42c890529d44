/**
 * The native code that runs in the gateway, by digest. npm's lockfile pins the packages; this pins the one file of
 * machine code that is loaded, whichever package or release it came from, so that nothing else gets to run as it.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

export interface NativeRelease {
  /** What it is a build of. */
  release: string
  /** Lower-case hex of the .node file. */
  sha512: string
}

/** Every build that Gatehouse was tested with. The README says how to add one. */
export const NATIVE_RELEASES: readonly NativeRelease[] = [
  {
    release: 'uWebSockets.js 20.51.4 (linux-x64, Node.js 22)',
    sha512:
      '1b8aa25cc43e86db9c31077760dc85814481bda6d91540cb6c0c2376085b657f05a8c82b2b99f24332a1808beec6e2faacfd343987111aedb44b7e3883f0664c'
  }
]

export interface NativeBinary extends NativeRelease {
  /** Absolute path. */
  file: string
}

/**
 * Finds the file that `import 'uWebSockets.js'` would load and compares it with the list. Call it before that import.
 * Throws a sentence for the owner when there is none for this machine or it isn't on the list.
 */
export function checkNativeBinary(
  from: string = import.meta.url,
  releases: readonly NativeRelease[] = NATIVE_RELEASES
): NativeBinary {
  const file = findNativeBinary(from)
  const sha512 = createHash('sha512').update(readFileSync(file)).digest('hex')
  const known = releases.find((release) => release.sha512 === sha512)
  if (!known) {
    throw new Error(
      `${file} is not a build of uWebSockets.js that Gatehouse knows (sha512 ${sha512}): install the dependencies again with "npm ci --ignore-scripts", or, if you put it there yourself, add its digest as the README says`
    )
  }
  return { file, ...known }
}

/** The official release carries the binaries itself; the registry's repack has one package per platform. */
function findNativeBinary(from: string): string {
  const require = createRequire(from)
  const name = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`
  try {
    const folder = dirname(require.resolve('uWebSockets.js'))
    const resolved = require.resolve(join(folder, name))
    if (resolved.endsWith('.node')) return resolved
    const node = process.versions.node.split('.', 1)[0]
    return createRequire(resolved).resolve(`@uwsjs/${process.platform}-${process.arch}-${node}/uws.node`)
  } catch {
    throw new Error(
      `there is no build of uWebSockets.js for Node.js ${process.version} on ${process.platform}-${process.arch} in node_modules: Gatehouse runs on Node.js 22 (22.19 or newer), Linux x86-64 with glibc, and needs "npm ci --ignore-scripts" run under that Node.js`
    )
  }
}
