/** What became of a request: `GET /requests/{id}`, for `gatehouse explain REQUEST-ID`. */
import type { RequestReport } from './report.ts'
import { AdminProblem, json, type Resource } from './resource.ts'

export interface RequestActions {
  /** null: no such request, or it is forgotten. */
  find(id: string): RequestReport | null
  /** How far back one may ask, and what was never recorded, in words. */
  horizon(): string
}

export function requestResources({ find, horizon }: RequestActions): Resource[] {
  return [
    {
      path: '/requests/{id}',
      operations: {
        GET: {
          run: ({ params: { id = '' } }) => {
            const report = find(id)
            if (report === null) throw new AdminProblem(404, `no request ${id} is remembered: ${horizon()}`)
            return json(200, report)
          }
        }
      }
    }
  ]
}
