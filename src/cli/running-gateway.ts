/** Which running gateway a command speaks to: options, words and search that all such commands share. */
import { CONFIG_OPTION, type OptionTable, UsageError } from './command.ts'
import { findConfigFile } from './config-file.ts'
import type { Door } from './control-client.ts'
import { controlSocketOf } from './control-socket.ts'

export const GATEWAY_OPTIONS = {
  config: CONFIG_OPTION,
  socket: {
    type: 'string',
    value: 'PATH',
    meaning: 'The control socket, when there is no configuration file to find it by.'
  },
  admin: {
    type: 'string',
    value: 'URL',
    meaning:
      "The gateway's admin.address, such as https://gw1:9090, instead of the control socket. The token is read from GATEHOUSE_ADMIN_TOKEN."
  }
} as const satisfies OptionTable

export const GATEWAY_NOTE =
  'The gateway is found by its control socket, state.dir/control.sock of the configuration file; only the user it runs as may use it. With --admin it may be on another host; where its certificate is of a private authority, NODE_EXTRA_CA_CERTS names that.'

/** @throws UsageError, or CannotTell when the configuration file can't be read so far */
export async function findGateway(
  options: { config?: string | undefined; socket?: string | undefined; admin?: string | undefined },
  file?: string
): Promise<Door> {
  const { config, socket, admin } = options
  if (admin === undefined) return { socketPath: socket ?? (await controlSocketOf(findConfigFile(file, config))) }
  if (socket !== undefined) throw new UsageError('--admin and --socket exclude each other')
  const token = process.env['GATEHOUSE_ADMIN_TOKEN'] ?? ''
  if (token === '') throw new UsageError('--admin needs the token of admin.token in GATEHOUSE_ADMIN_TOKEN')
  if (!/^[\x21-\x7e]+$/.test(token)) throw new UsageError('GATEHOUSE_ADMIN_TOKEN holds what no bearer token can')
  return { url: urlOf(admin), token }
}

function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    url.username !== '' ||
    url.pathname !== '/' ||
    url.search !== ''
  )
    throw new UsageError(`--admin takes a URL such as https://gw1:9090, not "${text}"`)
  if (url.protocol === 'http:' && !/^(?:localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname))
    throw new UsageError('--admin takes http on loopback only: the token would be readable on the way')
  return url
}
