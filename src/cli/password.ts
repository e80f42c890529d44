import { readFileSync } from 'node:fs'
import { hashPassword, MAX_PASSWORD } from '../identity/password.ts'
import { defineCommand, EXIT, JSON_OPTION, UsageError } from './command.ts'
import { quoted } from './yaml-text.ts'
import { complain, print, printJson } from './terminal.ts'

/** Shorter ones are guessed from a stolen hash, however dear each guess. */
const LEAST = 12

export const passwordHash = defineCommand({
  usage: '[--username NAME] [options]',
  summary: 'Read a password from standard input and print the line that admits it. Only its scrypt hash is in it.',
  options: {
    username: { type: 'string', value: 'NAME', meaning: 'The user name that goes with it, without colon.' },
    consumer: { type: 'string', value: 'NAME', meaning: 'Whose it is. Default: the user name.' },
    json: JSON_OPTION
  },
  arguments: 0,
  notes: [
    'A password on a command line would be seen by every user of the machine and kept in the shell’s history, so there is no option for it.'
  ],
  examples: [
    ['gatehouse password hash --username acme < password.txt', 'Of a file; one final newline is not part of it.'],
    ['openssl rand -base64 24 | tee password.txt | gatehouse password hash --username acme', 'A new one.']
  ],
  run: ({ username, consumer, json }) => {
    if (username !== undefined && !/^[^\p{C}\p{Z}:]{1,128}$/u.test(username)) {
      throw new UsageError('a user name is 1 to 128 printable characters without space and colon')
    }
    if (process.stdin.isTTY) complain('type the password (it shows; pipe it to hide it), then Enter and Ctrl-D')
    const hash = hashPassword(checked(readFileSync(0)))
    const line = `{ username: ${quoted(username ?? 'NAME')}, hash: "${hash}" }`
    if (json) printJson({ ...(username === undefined ? {} : { username }), hash, yaml: line })
    else print(`consumers:\n  - name: ${quoted(consumer ?? username ?? 'NAME')}\n    basic:\n      - ${line}`)
    return EXIT.yes
  }
})

function checked(input: Buffer): string {
  let password: string
  try {
    password = new TextDecoder('utf-8', { fatal: true }).decode(input).replace(/\r?\n$/, '')
  } catch {
    throw new UsageError('the password is not UTF-8')
  }
  // RFC 7617 section 2.
  if (/\p{Cc}/u.test(password)) throw new UsageError('a password is one line without control characters')
  if (password.length < LEAST) throw new UsageError(`a password has at least ${LEAST} characters`)
  if (Buffer.byteLength(password) > MAX_PASSWORD) throw new UsageError(`a password has at most ${MAX_PASSWORD} bytes`)
  if (new Set(password).size < 5) throw new UsageError('a password is more than a few characters over and over')
  return password
}
