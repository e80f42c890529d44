/** Entry of the gateway process. */
import './begin.ts'

await import('./main-thread.ts')
