/** What a document's server said of how long it stays good. */
export interface Document {
  body: string
  /** Seconds from now; 0: not at all; null: nothing said. */
  cacheSeconds: number | null
}

/** The parts of undici's response that are read. */
export interface DocumentResponse {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: AsyncIterable<unknown>
}

/** The server says that there is no such document: 404 or 410. */
export class NotFound extends Error {}

/** Reads a 200 of at most `maxBytes`, identity-coded, in UTF-8. Rejects with a message for the owner. */
export async function readDocument(response: DocumentResponse, maxBytes: number): Promise<Document> {
  const { statusCode, headers, body } = response
  if (statusCode !== 200) {
    const Kind = statusCode === 404 || statusCode === 410 ? NotFound : Error
    throw new Kind(`answered ${statusCode}, expected 200`)
  }
  const coding = text(headers['content-encoding'])
  // Decoded, a small answer could unfold into any size.
  if (coding !== '' && coding !== 'identity')
    throw new Error(`answered in content-encoding ${coding}, which was not asked for`)
  return { body: decode(await bounded(body, maxBytes)), cacheSeconds: freshness(headers) }
}

async function bounded(body: AsyncIterable<unknown>, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    if (!Buffer.isBuffer(chunk)) continue
    length += chunk.length
    if (length > maxBytes) throw new Error(`larger than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, length)
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Error('the answer is not UTF-8')
  }
}

/** RFC 9111 section 4.2.1 for a private cache: `no-store` and `no-cache` are 0, then max-age less Age. */
function freshness(headers: DocumentResponse['headers']): number | null {
  let seconds: number | null = null
  for (const part of text(headers['cache-control']).toLowerCase().split(',')) {
    const directive = part.trim()
    if (directive === 'no-store' || directive === 'no-cache') return 0
    const age = /^max-age="?(\d{1,10})"?$/.exec(directive)
    if (age && seconds === null) seconds = Number(age[1])
  }
  if (seconds === null) return null
  const age = /^\d{1,10}$/.exec(text(headers.age))
  return Math.max(0, seconds - (age ? Number(age[0]) : 0))
}

function text(value: string | string[] | undefined): string {
  return Array.isArray(value) ? value.join(',') : (value ?? '')
}
