/**
 * llhttp's own cases (nodejs/llhttp): what the strictest widely used parser rejects must not be answered 2xx here, and
 * must not smuggle a request past the one it came in.
 */
import t from 'tap'
import { connect } from '../e2e/connection.ts'
import { startGateway } from '../e2e/gateway.ts'
import { startUpstream } from '../e2e/upstream.ts'
import { skipVectors, vectors } from './vectors.ts'

interface Case {
  file: string
  kind: 'request' | 'response'
  name: string
  lenient: boolean
  input_latin1: string
  llhttp_rejects: boolean
  /** Whole requests before the one that is rejected. */
  messages_complete: number
}

/**
 * Rejected by llhttp and served here, by name, with the reason. It lies in uWebSockets' parser, before the first line
 * of JavaScript runs; where another proxy stands in front, `client.chunked: refuse` closes it (see the README's limits).
 */
const ACCEPTED: ReadonlyMap<string, string> = new Map([
  [
    'transfer-encoding.md: `chunked` / No semicolon before chunk extensions',
    'what follows a size and a space is skipped'
  ],
  ['transfer-encoding.md: Space after chunk header', 'a space ends the size']
])
/** Not what its name says: the first of its requests is well formed, and the rest is a piece of llhttp's document. */
const LEFT_OUT = 'connection.md: `keep-alive` / CRLF between requests, implicit `keep-alive`'

t.test('llhttp: requests', { skip: skipVectors }, async (t) => {
  const cases = vectors<Case[]>('llhttp/llhttp-cases.json').filter(
    ({ kind, lenient }) => kind === 'request' && !lenient
  )
  const rejected = cases.filter(({ llhttp_rejects }) => llhttp_rejects)
  t.ok(rejected.length > 40, `${rejected.length} cases`)

  const service = await startUpstream(t)
  const gateway = await startGateway(
    t,
    `
version: 1
listen: [ { name: plain, address: "127.0.0.1:0" } ]
services:
  - name: main
    url: ${service.url}
    policies: { auth: public }
    routes: [ { name: any, match: { paths: ["/*"] } } ]
`
  )
  /** llhttp doesn't ask for Host, which would hide everything else behind a 400. */
  const hosted = (input: string): string =>
    /\r\nhost:/i.test(input) ? input : input.replace(/^(\S+ \S+ HTTP\/1\.1\r\n)/, '$1Host: a.test\r\n')
  const isServed = (status: number): boolean => status >= 200 && status < 300

  await t.test('what llhttp rejects is not served', async (t) => {
    await Promise.all(
      rejected.map(async ({ file, name, input_latin1: input, messages_complete: whole }) => {
        const title = `${file}: ${name}`
        if (title === LEFT_OUT || ACCEPTED.has(title)) return
        const connection = await connect(gateway.port)
        connection.send(hosted(input))
        // Most are answered at once; of the others nothing says when they won't be any more.
        await connection.ended(400)
        connection.close()
        const statuses = [...connection.rest.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]))
        t.ok(statuses.filter(isServed).length <= whole, `${title}: ${statuses.join(', ') || 'no answer'}`)
      })
    )
  })

  await t.test('what can\u2019t be mended here is still as published', async (t) => {
    for (const [title, reason] of ACCEPTED) {
      const one = rejected.find(({ file, name }) => `${file}: ${name}` === title)
      const connection = await connect(gateway.port)
      const answer = await connection
        .send(hosted(one?.input_latin1 ?? ''))
        .response('POST')
        .catch(() => null)
      t.equal(answer?.status, 200, `${title}: ${reason}`)
      connection.close()
    }
  })
})
