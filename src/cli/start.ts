import { readEnv } from '../env.ts'
import { CONFIG_OPTION, defineCommand, EXIT } from './command.ts'
import { openConfigFile } from './config-file.ts'
import { complain } from './terminal.ts'

export const start = defineCommand({
  usage: '[FILE] [options]',
  summary: 'Run the gateway in the foreground until SIGTERM or SIGINT, which let requests under way finish.',
  options: { config: CONFIG_OPTION },
  arguments: 1,
  notes: [
    'SIGHUP reads the configuration again, SIGUSR1 opens the log files again. A changed configuration file is read by itself.',
    'Process-level settings are environment variables (GATEHOUSE_WORKERS and others); the README has the table.'
  ],
  examples: [
    ['gatehouse start', 'Runs ./gatehouse.yaml, or else /etc/gatehouse/gatehouse.yaml.'],
    ['GATEHOUSE_WORKERS=4 gatehouse start gateway.yaml', 'Runs gateway.yaml on four worker threads.']
  ],
  run: async ({ config }, [file]) => {
    const { file: configFile, name: configName } = await openConfigFile(file, config)
    const { problems } = readEnv(process.env)
    for (const problem of problems) complain(problem)
    if (problems.length > 0) return EXIT.usage
    const { startGuard } = await import('../acceptor/guard.ts')
    return startGuard({ configFile, configName })
  }
})
