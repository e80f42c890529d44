/** What the example has people paste: each command with the status it shows, real credentials inside. */
import { ALICE, BOB, tokenFor } from './issuer.ts'
import type { Material } from './material.ts'

export interface ExampleCommand {
  /** The statuses it prints, in order. */
  expect: number[]
  purpose: string
  /** One line for a POSIX shell. */
  line: string
}

/** As long as the configuration takes any token (maxAge). */
const TOKEN_HOURS = 12

export async function exampleCommands(
  material: Material,
  httpsPort: number,
  httpPort: number
): Promise<ExampleCommand[]> {
  const base = `https://localhost:${httpsPort}`
  const curl = `curl -si --cacert ${quoted(material.caFile)}`
  const alice = `-H 'authorization: Bearer ${await tokenFor(ALICE, material.issuerKey, TOKEN_HOURS)}'`
  const bob = `-H 'authorization: Bearer ${await tokenFor(BOB, material.issuerKey, TOKEN_HOURS)}'`
  const acme = `-H 'x-api-key: ${material.apiKey}'`
  const order = `-H 'content-type: application/json' -d '{"item":"rocket","amount":1}'`
  return [
    {
      expect: [200],
      purpose: 'an API key reads an order of its tenant',
      line: `${curl} ${acme} ${base}/orders/acme/1001`
    },
    { expect: [200], purpose: 'so does a signed token', line: `${curl} ${bob} ${base}/orders/acme/1001` },
    { expect: [401], purpose: 'no credential', line: `${curl} ${base}/orders/acme/1001` },
    { expect: [401], purpose: 'a key that nobody has', line: `${curl} -H 'x-api-key: guess' ${base}/orders/acme/1001` },
    {
      expect: [403],
      purpose: 'the attribute rule: an order of another tenant',
      line: `${curl} ${bob} ${base}/orders/globex/2001`
    },
    { expect: [403], purpose: 'bob may read, not write', line: `${curl} ${bob} ${order} ${base}/orders/acme` },
    { expect: [201], purpose: 'alice may', line: `${curl} ${alice} ${order} ${base}/orders/acme` },
    { expect: [404], purpose: 'no such route', line: `${curl} ${acme} ${base}/nowhere` },
    {
      expect: [200, 200, 200, 200, 200, 429],
      purpose: 'five a minute, and no more',
      line: `for i in 1 2 3 4 5 6; do ${curl.replace('-si', '-s')} -o /dev/null -w '%{http_code} ' ${base}/echo/limited; done; echo`
    },
    {
      expect: [200],
      purpose: 'what a service sees: open to all, no word of the client believed',
      line: `${curl} -H 'x-consumer: root' ${base}/echo/hello`
    },
    {
      expect: [308],
      purpose: 'plain HTTP is sent to https',
      line: `curl -si http://localhost:${httpPort}/orders/acme/1001`
    }
  ]
}

export function commandText(commands: readonly ExampleCommand[]): string {
  return commands.map(({ expect, purpose, line }) => `# ${expect.at(-1)}: ${purpose}\n${line}\n`).join('\n')
}

/** For a POSIX shell. */
export function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
