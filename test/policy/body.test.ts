import t from 'tap'
import type { ValidatePlan } from '../../src/plan/validation.ts'
import { judgeBody, mediaType } from '../../src/policy/body.ts'
import { requestView } from './view.ts'

const plan = (contentTypes: string[] | null): ValidatePlan => ({
  maxSize: 100,
  contentTypes,
  mode: 'enforce',
  where: null
})
const judge = (contentTypes: string[] | null, size: number, ...types: string[]) =>
  judgeBody(plan(contentTypes), requestView({ size, headers: types.map((type) => ['content-type', type]) }))?.code ??
  null

t.test('declared size at the limit, and one past it', async (t) => {
  t.equal(judge(null, 99), null)
  t.equal(judge(null, 100), null)
  t.equal(judge(null, 101), 'too-large')
  t.equal(judge(null, -1), null, 'a chunked body is counted as it comes')
})

t.test('content types', async (t) => {
  const json = ['application/json']
  t.equal(judge(json, 5, 'application/json'), null)
  t.equal(judge(json, 5, 'Application/JSON ; charset=utf-8'), null)
  t.equal(judge(json, -1, 'application/json'), null)
  for (const type of [
    'text/plain',
    'application/jsonx',
    'application/json, text/plain',
    'json',
    '/json',
    'a/',
    '',
    'a b/c',
    ';application/json'
  ]) {
    t.equal(judge(json, 5, type), 'wrong-type', type)
  }
  t.equal(judge(json, 5), 'wrong-type', 'none at all')
  t.equal(judge(json, -1), 'wrong-type')
  t.equal(judge(json, 5, 'application/json', 'text/plain'), 'wrong-type', 'two of them')
  t.equal(judge(json, 0), null, 'no body, no type')
  t.equal(judge(null, 5), null, 'nothing asked')
})

t.test('media types', async (t) => {
  t.equal(mediaType('text/HTML; a=";"'), 'text/html')
  t.equal(mediaType('a/b/c'), null)
})
