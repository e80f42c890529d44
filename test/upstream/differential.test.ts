import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import type { Transport } from '../../src/upstream/transport.ts'
import { UndiciTransport } from '../../src/upstream/undici.ts'
import { WireTransport } from '../../src/upstream/wire/transport.ts'
import { exchange, plan } from './recorder.ts'
import { scripted } from './scripted.ts'

const VECTORS = new URL('../../../shared/vectors/llhttp/llhttp-cases.json', import.meta.url)

interface Case {
  file: string
  kind: string
  name: string
  lenient: boolean
  input_latin1: string
  llhttp_rejects: boolean
  messages_complete: number
  meta: { skipBody?: boolean }
}

/** Where wire and undici differ, by name of the case: what wire makes of it, and why. */
const DIFFERENT: Record<string, { wire: RegExp; why: string }> = {
  'Response starting with CRLF': { wire: /^invalid$/, why: 'nothing allows bytes before a status line' },
  'HTTP version 0.9': { wire: /^invalid$/, why: 'a version without a status line' },
  'RTSP response': { wire: /^invalid$/, why: 'another protocol' },
  'ICE response': { wire: /^invalid$/, why: 'another protocol' },
  'Bare CR followed by CR after response line': {
    wire: /^invalid$/,
    why: "undici's llhttp takes it; today's does not"
  },
  'Tabs in `Content-Length` (surrounding)': { wire: /^reset$/, why: 'undici takes no tab behind a length' },
  'Google 301': { wire: /^301 .*"<HTML>/, why: 'undici miscounts a length with blanks behind it' }
}

/** The exchange's outcome as one comparable text. */
async function outcome(transport: Transport, method: string): Promise<string> {
  const sink = await exchange(transport, { method })
  const violations = sink.violations.length > 0 ? ` VIOLATES ${sink.violations.join()}` : ''
  return sink.fault === null
    ? `${sink.status} ${JSON.stringify(sink.headers)} ${JSON.stringify(sink.body)}${violations}`
    : `${sink.fault.kind}${violations}`
}

t.test("llhttp's response cases come out the same through undici and wire", async (t) => {
  if (!existsSync(VECTORS)) {
    t.comment('the llhttp vectors are not there: skipped')
    return
  }
  const cases = (JSON.parse(readFileSync(VECTORS, 'utf8')) as Case[]).filter(
    ({ kind, lenient }) => kind === 'response' && !lenient
  )
  t.ok(cases.length > 50)
  t.jobs = 8
  for (const { file, name, input_latin1: input, meta, llhttp_rejects: rejects, messages_complete: complete } of cases) {
    t.test(`${file}: ${name}`, { buffered: true }, async (t) => {
      // The vectors have lost the blank line at their end.
      const upstream = await scripted(t, async (peer) => {
        await peer.head()
        peer.send(`${input}\r\n`)
        await peer.wait(5)
        peer.finish()
      })
      const limits = plan([upstream], { timeouts: { response: 300, idle: 300 } })
      const method = meta.skipBody === true ? 'HEAD' : 'GET'
      const wire = await outcome(new WireTransport(limits), method)
      t.notMatch(wire, /VIOLATES/)
      if (rejects && complete === 0) t.match(wire, /^(invalid|reset)$/, 'what llhttp rejects is no answer')
      const different = DIFFERENT[name]
      if (different === undefined) t.equal(wire, await outcome(new UndiciTransport(limits), method))
      else t.match(wire, different.wire, different.why)
    })
  }
})
