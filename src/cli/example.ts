import { existsSync } from 'node:fs'
import { defineCommand, EXIT } from './command.ts'
import { callGateway } from './control-client.ts'
import { complain } from './terminal.ts'

export const example = defineCommand({
  usage: '[--prepare]',
  summary:
    'Run config/gatehouse.yaml with everything it needs: three small services, an issuer of tokens, a certificate and keys made on first start. Prints commands to try when it is ready.',
  options: {
    prepare: {
      type: 'boolean',
      meaning: 'Only make the certificate and the keys, in var/example, where there are none yet.'
    }
  },
  arguments: 0,
  notes: [
    'Other ports: EXAMPLE_HTTPS_PORT (8443), EXAMPLE_HTTP_PORT (8080), EXAMPLE_METRICS_PORT (9091). Where one that is not named so is taken, a free one is used.'
  ],
  examples: [['gatehouse example', 'The same as npm start.']],
  run: async ({ prepare }) => {
    if (!existsSync(new URL('../../src', import.meta.url))) {
      complain(
        'the example runs from a clone of the repository: its certificate is made with packages that only tests need'
      )
      return EXIT.no
    }
    const { prepareExample } = await import('../example/material.ts')
    if (prepare) {
      await prepareExample()
      return EXIT.yes
    }
    const { runExample } = await import('../example/run.ts')
    return runExample({
      startGateway: async (options) => (await import('../acceptor/guard.ts')).startGuard(options),
      isReady: (socket) =>
        callGateway({ socketPath: socket }, 'GET', '/ready').then(
          ({ status }) => status === 200,
          () => false
        ),
      say: (text) => process.stdout.write(text)
    }).catch((error: unknown) => {
      complain(`the example can't run: ${error instanceof Error ? error.message : String(error)}`)
      return EXIT.no
    })
  }
})
