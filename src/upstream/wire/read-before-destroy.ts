import type { Socket } from 'node:net'

/**
 * A target that refuses a body answers, closes, and resets when more of the body comes. Then a write fails while the
 * answer still waits in the kernel, and node destroys the socket for it, unread. So on a failed write the socket lives
 * on for one more poll of the event loop, which reads what is there.
 */
export function readBeforeDestroy(socket: Socket): void {
  const destroy = socket.destroy.bind(socket)
  socket.destroy = (error?: Error) => {
    if (error === undefined || !('syscall' in error) || error.syscall !== 'write') return destroy(error)
    // The first comes before that poll when the write failed within one.
    setImmediate(() => setImmediate(() => destroy(error)))
    return socket
  }
}
