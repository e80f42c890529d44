/**
 * The end of a turn of the event loop: after all that this turn's poll of the sockets brought, before the next poll.
 * One immediate serves the whole thread. A microtask would run behind each single socket's event, and join nothing
 * that two clients sent.
 */
export interface Flushable {
  flush(): void
}

const gathered: Flushable[] = []

function flushAll(): void {
  let done = 0
  try {
    // What a flush leads to may gather more, which then goes out in the same pass.
    while (done < gathered.length) gathered[done++]?.flush()
  } finally {
    // An exception that a callback lets escape is not the other connections' affair.
    if (done < gathered.length) setImmediate(flushAll)
    gathered.splice(0, done)
  }
}

/** `flush` is called once at the end of this turn. Not to be called again for the same one before that. */
export function atEndOfTurn(flushable: Flushable): void {
  if (gathered.length === 0) setImmediate(flushAll)
  gathered.push(flushable)
}
