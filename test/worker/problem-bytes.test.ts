import t from 'tap'
import { problemBody, PROBLEMS } from '../../src/problems.ts'
import { problemBytes } from '../../src/worker/problem-bytes.ts'

t.test('the same bytes as the text has, for every problem and id', (t) => {
  for (const id of ['', 'a', '01ARYZ6S41TSV4RRFFQ69G5FAV', 'x'.repeat(128), 'x'.repeat(129), 'b']) {
    for (const problem of Object.values(PROBLEMS))
      t.equal(Buffer.from(problemBytes(problem, id, [])).toString(), problemBody(problem, id), `${problem.code} ${id}`)
  }
  t.end()
})

t.test('with the parts that are wrong', (t) => {
  const invalid = [{ in: 'body', pointer: '/ä' }] as const
  const body = problemBody(PROBLEMS.invalid, 'id', invalid)
  t.equal(Buffer.from(problemBytes(PROBLEMS.invalid, 'id', invalid)).toString(), body)
  t.end()
})
