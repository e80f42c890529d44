/** `/keys` of the admin API. */
import { json, type Resource } from '../admin/resource.ts'
import type { KeyUses } from './uses.ts'

export function keyResources(uses: KeyUses, upToDate: () => void): Resource[] {
  return [
    {
      path: '/keys',
      operations: {
        GET: {
          run: () => {
            upToDate()
            return json(200, { keys: uses.list() })
          }
        }
      }
    }
  ]
}
