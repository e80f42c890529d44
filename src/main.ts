/** The program: the command line in, an exit code out. */
import { runCommandLine } from './cli/command-line.ts'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major !== 22 || minor < 19) {
  process.stderr.write(`gatehouse: needs Node.js 22 (22.19 or newer), this is ${process.version}\n`)
  process.exit(2)
}

// Output cut short by `| head` is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

runCommandLine(process.argv.slice(2)).then(
  (code) => exit(code),
  (error: unknown) => {
    process.stderr.write(`gatehouse: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    return exit(3)
  }
)

/**
 * By hand: what a command leaves open (a socket kept alive, a watch on a file) must not keep it from ending. Not before
 * a pipe has taken what was written: it holds 64 KiB, and the rest waits for its reader.
 */
async function exit(code: number): Promise<never> {
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise<void>((resolve) => stream.write('', () => resolve()))
  }
  process.exit(code)
}
