/**
 * Modules of Node.js that cost a thread more to import than to load: an `import` reads everything they export, and two
 * of them make what few use when it is read. node:http loads undici for its WebSocket (45 ms of processor time), node:tls
 * parses 140 root certificates (14 ms). Every thread would pay for it at its start. Types may be imported from there.
 */
export const nodeHttp = process.getBuiltinModule('node:http')
export const nodeHttps = process.getBuiltinModule('node:https')
export const nodeTls = process.getBuiltinModule('node:tls')
