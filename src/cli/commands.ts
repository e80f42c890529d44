/** Every command by name. Each is loaded when it is called for: `status` waits for no configuration checker. */
import type { Command } from './command.ts'

export interface Entry {
  /** As the overview lists it. */
  readonly summary: string
  load(): Promise<Command>
}

export const COMMANDS: Readonly<Record<string, Entry>> = {
  start: {
    summary: 'Run the gateway in the foreground.',
    load: async () => (await import('./start.ts')).start
  },
  check: {
    summary: 'Say everything that is wrong with a configuration, or that nothing is.',
    load: async () => (await import('./check.ts')).check
  },
  show: {
    summary: 'Show what holds for each route, with the line each part comes from.',
    load: async () => (await import('./show.ts')).show
  },
  explain: {
    summary: 'Say what would happen to a request, policy by policy, without sending it.',
    load: async () => (await import('./explain.ts')).explain
  },
  reload: {
    summary: 'Have the running gateway read its configuration again, and wait for the verdict.',
    load: async () => (await import('./running.ts')).reload
  },
  status: {
    summary: 'Say how the running gateway is.',
    load: async () => (await import('./running.ts')).status
  },
  stop: {
    summary: 'Have the running gateway finish what is under way and end.',
    load: async () => (await import('./running.ts')).stop
  },
  'bans list': {
    summary: 'List who is banned, with the requests that led there.',
    load: async () => (await import('./bans.ts')).bansList
  },
  'bans add': {
    summary: 'Ban an address or a network.',
    load: async () => (await import('./bans.ts')).bansAdd
  },
  'bans remove': {
    summary: 'End a ban, and forget that there was one.',
    load: async () => (await import('./bans.ts')).bansRemove
  },
  'revocations list': {
    summary: 'List whose credentials no longer hold.',
    load: async () => (await import('./revocations.ts')).revocationsList
  },
  'revocations add': {
    summary: 'Revoke a token, a subject, a consumer, a key or whatever was issued before a time, at once.',
    load: async () => (await import('./revocations.ts')).revocationsAdd
  },
  'revocations remove': {
    summary: 'Take a revocation back.',
    load: async () => (await import('./revocations.ts')).revocationsRemove
  },
  'key create': {
    summary: 'Make an API key and the line of configuration that admits it.',
    load: async () => (await import('./key.ts')).keyCreate
  },
  'key list': {
    summary: 'List the API keys of the running gateway, with the last use of each.',
    load: async () => (await import('./key-list.ts')).keyList
  },
  'password hash': {
    summary: 'Hash a password and print the line of configuration that admits it.',
    load: async () => (await import('./password.ts')).passwordHash
  },
  'token sign': {
    summary: 'Sign a JSON Web Token with a key of your own, for tests.',
    load: async () => (await import('./token-sign.ts')).tokenSign
  },
  'token verify': {
    summary: 'Verify a JSON Web Token against a key or a configuration.',
    load: async () => (await import('./token-verify.ts')).tokenVerify
  },
  'import openapi': {
    summary: 'Print a configuration for an OpenAPI document.',
    load: async () => (await import('./import-openapi.ts')).importOpenapi
  },
  schema: {
    summary: 'Print the JSON Schema of the configuration.',
    load: async () => (await import('./schema.ts')).schema
  },
  example: {
    summary: 'Run a gateway with services, an issuer and keys of its own, to try things on.',
    load: async () => (await import('./example.ts')).example
  },
  version: {
    summary: 'Print the version.',
    load: async () => (await import('./version.ts')).version
  }
}

export const ALIASES: Readonly<Record<string, string>> = { validate: 'check' }

/** By name or alias; undefined: no such command. */
export function entryOf(name: string): Entry | undefined {
  const one = Object.hasOwn(ALIASES, name) ? (ALIASES[name] ?? name) : name
  return Object.hasOwn(COMMANDS, one) ? COMMANDS[one] : undefined
}

/** Commands that are decided on and not built. */
export const LATER: readonly string[] = ['diff', 'history', 'rollback', 'import kong', 'import traefik', 'init']
