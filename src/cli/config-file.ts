/** Which configuration file a command speaks of. */
import { existsSync, realpathSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UsageError } from './command.ts'
import { complain } from './terminal.ts'

export interface ConfigFile {
  /** Absolute. */
  file: string
  /** As the owner wrote it, for messages. */
  name: string
}

const USUAL_PLACES = ['gatehouse.yaml', '/etc/gatehouse/gatehouse.yaml']

/** The argument, `--config`, GATEHOUSE_CONFIG, ./gatehouse.yaml, /etc/gatehouse/gatehouse.yaml: the first that is said or there. */
export function findConfigFile(argument: string | undefined, option: string | undefined): ConfigFile {
  if (argument !== undefined && option !== undefined && argument !== option) {
    throw new UsageError(`two configuration files are named: ${argument} and ${option}`)
  }
  const named = argument ?? option ?? (process.env['GATEHOUSE_CONFIG'] || undefined)
  const name = named ?? USUAL_PLACES.find((place) => existsSync(place))
  if (name === undefined) {
    throw new UsageError(
      'no configuration file is named, and there is no gatehouse.yaml here and no /etc/gatehouse/gatehouse.yaml'
    )
  }
  const found = statSync(name, { throwIfNoEntry: false })
  const said = named !== undefined && named !== argument && named !== option ? ' (from GATEHOUSE_CONFIG)' : ''
  if (!found) throw new UsageError(`there is no file ${name}${said}`)
  if (!found.isFile() && !found.isFIFO()) throw new UsageError(`${name}${said} is not a file`)
  return { file: resolve(name), name }
}

const EXAMPLE_CONFIG = new URL('../../config/gatehouse.yaml', import.meta.url)

/**
 * The same, ready to be read: the example's configuration refers to a certificate and keys that are made on first use,
 * whichever command that is.
 */
export async function openConfigFile(argument: string | undefined, option: string | undefined): Promise<ConfigFile> {
  const found = findConfigFile(argument, option)
  if (existsSync(EXAMPLE_CONFIG) && realpathSync(found.file) === realpathSync(fileURLToPath(EXAMPLE_CONFIG))) {
    const { prepareExample } = await import('../example/material.ts')
    const { made, caFile } = await prepareExample()
    if (made) complain(`made the example's certificate and keys, in ${dirname(caFile)}`)
  }
  return found
}
