import t from 'tap'
import { METHODS, methodBit, methodMask, methodNames } from '../src/method.ts'

t.test('each method has a bit of its own, in the order of the list', async (t) => {
  t.same(
    METHODS.map(methodBit),
    METHODS.map((_, i) => 1 << i)
  )
})

t.test('method names are case-sensitive and a closed list', async (t) => {
  for (const method of ['get', 'Get', '', 'G"ET', 'PROPFIND', 'GET ', '__proto__'])
    t.equal(methodBit(method), 0, method)
})

t.test('no methods means all but CONNECT and TRACE', async (t) => {
  t.same(methodNames(methodMask(null)), ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
  t.same(methodNames(methodMask(['TRACE', 'GET'])), ['GET', 'TRACE'])
})
