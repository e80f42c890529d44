/** Preloaded into a gateway's threads: each connection that one of them opens, by whatever client, is said on stderr. */
import { writeSync } from 'node:fs'
import { Socket } from 'node:net'

// oxlint-disable-next-line typescript/unbound-method -- called with its socket below
const { connect } = Socket.prototype
Object.assign(Socket.prototype, {
  connect(this: Socket, ...where: Parameters<typeof connect>) {
    // A thread's process.stderr passes through the main thread, and may come late or not at all.
    writeSync(2, 'a connection goes out\n')
    return connect.apply(this, where)
  }
})
