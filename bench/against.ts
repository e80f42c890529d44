/** An older commit of this repository, checked out beside it and built. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Build } from './peers/gatehouse.ts'
import { folder } from './processes.ts'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/**
 * Checks `revision` out into a temporary worktree, which is removed when the bench ends, and builds it there.
 * @throws when there is no such revision, or it doesn't build
 */
export function checkOut(revision: string): Build {
  const root = join(folder, 'older')
  const commit = git('rev-parse', '--short', '--verify', '--end-of-options', `${revision}^{commit}`).trim()
  git('worktree', 'add', '--detach', root, commit)
  // Before the folder's own removal, which was asked for earlier.
  process.prependListener('exit', () => git('worktree', 'remove', '--force', root))
  shareDependencies(root)
  process.stderr.write(`building ${commit}\n`)
  execFileSync(join(root, 'bin', 'gatehouse'), ['version'], { stdio: ['ignore', 'ignore', 'inherit'] })
  return { name: `Gatehouse ${commit}`, root }
}

/** Same lockfile, same packages: linked file by file instead of fetched, and its own to change. */
function shareDependencies(root: string): void {
  const lock = 'package-lock.json'
  const modules = join(ROOT, 'node_modules')
  if (!existsSync(modules) || !existsSync(join(root, lock))) return
  if (readFileSync(join(ROOT, lock), 'utf8') !== readFileSync(join(root, lock), 'utf8')) return
  try {
    execFileSync('cp', ['-al', modules, root], { stdio: 'ignore' })
  } catch {
    // Another file system.
    execFileSync('cp', ['-a', modules, root])
  }
  // A checkout is newer than what was installed from it: an age says that nothing has changed since.
  utimesSync(join(root, lock), 0, 0)
}

function git(...args: string[]): string {
  return execFileSync('git', ['-C', ROOT, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
