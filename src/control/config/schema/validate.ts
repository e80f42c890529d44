/** `validate`: what a request may hold. */
import { Mode } from './words.ts'
import { anything, define, either, listOf, mapOf, mapping, maybe, text, whole } from './shapes.ts'

/** A document: the path of a file, or the schema itself. */
function schemaOf(description: string) {
  return either(
    description,
    text('Path of a .json or .yaml file.', 'path'),
    mapOf('The schema itself.', anything('A keyword’s value.'), 'text')
  )
}

export const Validate = define(
  'validate',
  mapping(
    'What a request may hold.',
    {
      body: maybe(
        mapping(
          'The request’s body.',
          {
            maxSize: maybe(text('Largest body: 64kb, 10mb. Default 10mb.', 'size')),
            contentTypes: maybe(
              listOf('Media types taken.', text('A media type without parameters.', 'media-type'), { uniqueBy: null })
            ),
            schema: maybe(schemaOf('JSON Schema (draft 2020-12) of the body, which must be JSON.')),
            json: maybe(
              mapping(
                'How much structure a JSON body may have; no member may stand twice.',
                {
                  depth: maybe(whole('Deepest nesting of objects and lists. Default 64.', 1, 1000)),
                  keys: maybe(whole('Most members of one object. Default 10000.', 1, 10_000_000)),
                  items: maybe(whole('Most items of one list. Default 100000.', 1, 100_000_000))
                },
                { atLeastOne: ['depth', 'keys', 'items'] }
              )
            )
          },
          { atLeastOne: ['maxSize', 'contentTypes', 'schema', 'json'] }
        )
      ),
      query: maybe(
        mapping('The query’s parameters.', { schema: schemaOf('JSON Schema of the object of all parameters.') })
      ),
      path: maybe(
        mapping('What the route’s {x} took.', { schema: schemaOf('JSON Schema of the object of all of them.') })
      ),
      openapi: maybe(text('Path of an OpenAPI 3.0 or 3.1 document; requests must be operations of it.', 'path')),
      mode: maybe(Mode)
    },
    { atLeastOne: ['body', 'query', 'path', 'openapi'] }
  )
)
