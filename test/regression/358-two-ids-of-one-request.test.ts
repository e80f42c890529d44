/** A service that echoes `X-Request-Id`, as many do, made two of it: clients read them as `id, id`. */
import t from 'tap'
import { allFields } from '../../src/answer-fields.ts'
import { prepareResponseHeaders, responseHeaders } from '../../src/policy/response-headers.ts'
import { requestView } from '../policy/view.ts'

const NONE = { remove: [], rename: [], set: [], default: [], append: [] }

t.test('an answer has one x-request-id, the gateway’s', async (t) => {
  const prepared = prepareResponseHeaders({ security: false, request: NONE, response: NONE }, null)
  const answered = ['x-request-id', 'theirs', 'x-a', '1']
  const fields = responseHeaders(prepared, requestView({}), answered, undefined, ['x-request-id', 'ours'])
  t.same(typeof fields === 'string' ? fields : allFields(fields), ['x-a', '1', 'x-request-id', 'ours'])
})
