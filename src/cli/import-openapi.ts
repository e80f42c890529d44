import { resolve } from 'node:path'
import { importOpenApi } from '../control/schemas/openapi-import.ts'
import { defineCommand, EXIT, UsageError } from './command.ts'
import { complain } from './terminal.ts'

export const importOpenapi = defineCommand({
  usage: 'FILE',
  summary:
    'Print a configuration for an OpenAPI 3.0 or 3.1 document: one route an operation, requests checked against it.',
  options: {},
  arguments: 1,
  notes: [
    'Nothing comes out public. Security schemes become auth where they have a counterpart; every other line says so and asks for an API key.',
    'Write the output beside the document: the configuration names it by the path given here.'
  ],
  examples: [
    [
      'gatehouse import openapi orders.yaml > gatehouse.yaml',
      'Then gatehouse check, and go through the lines about auth.'
    ]
  ],
  run: (_, [file]) => {
    if (file === undefined) throw new UsageError('which document?')
    const imported = importOpenApi(resolve(file), file)
    if (typeof imported === 'string') {
      complain(imported)
      return EXIT.no
    }
    process.stdout.write(imported.text)
    for (const each of imported.left) complain(each)
    return EXIT.yes
  }
})
