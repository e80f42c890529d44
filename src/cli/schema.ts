import { configJsonSchema } from '../control/config/json-schema.ts'
import { defineCommand, EXIT } from './command.ts'

export const schema = defineCommand({
  usage: '',
  summary: 'Print the JSON Schema of the configuration, so that editors complete and check it.',
  options: {},
  arguments: 0,
  examples: [
    [
      'gatehouse schema > gatehouse.schema.json',
      'Then "# yaml-language-server: $schema=gatehouse.schema.json" atop the YAML file.'
    ]
  ],
  run: () => {
    process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`)
    return EXIT.yes
  }
})
