/** Entry of the store's thread: the disk may take seconds over a checkpoint, and the control thread has to beat meanwhile. */
import { parentPort } from 'node:worker_threads'
import { OPENED, type StoreReply, type StoreRequest, type StoreStart } from './protocol.ts'
import { Database, messageOf } from './sqlite.ts'

const EXPIRE = 60_000
const reply = (message: StoreReply): void => parentPort?.postMessage(message)

parentPort?.once('message', ({ file, maxBytes }: StoreStart) => {
  try {
    serve(new Database(file, maxBytes))
  } catch (error) {
    reply({ id: OPENED, ok: false, reason: messageOf(error) })
  }
})

function serve(database: Database): void {
  const expire = (): void => {
    try {
      database.expire(Date.now())
    } catch {
      // A disk that takes nothing is told of when something is written; the rows are judged by their times anyway.
    }
  }
  expire()
  const timer = setInterval(expire, EXPIRE)
  parentPort?.on('message', (request: StoreRequest) => {
    const { id } = request
    try {
      const putBack = request.type === 'write' && database.putBack()
      const rows = request.type === 'rows' ? database.rows(request.sql, request.values) : []
      const refused = request.type === 'write' ? database.apply(request.writes, request.durable) : []
      if (request.type === 'close') {
        clearInterval(timer)
        database.close()
        reply({ id, ok: true, rows, refused, putBack, bytes: 0 })
        parentPort?.close()
        return
      }
      reply({ id, ok: true, rows, refused, putBack, bytes: database.bytes })
    } catch (error) {
      reply({ id, ok: false, reason: messageOf(error) })
    }
  })
  reply({ id: OPENED, ok: true, rows: [], refused: [], putBack: false, bytes: database.bytes })
}
