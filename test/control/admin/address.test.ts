import t, { type Test } from 'tap'
import { AdminAddress } from '../../../src/control/admin/address.ts'
import { json, type Resource } from '../../../src/control/admin/resource.ts'
import { sha256 } from '../../e2e/tokens.ts'

const RESOURCES: Resource[] = [
  { path: '/secrets', operations: { GET: { run: () => json(200, 'secret') }, POST: { run: () => json(201, 'done') } } },
  { path: '/keys', open: true, operations: { GET: { run: () => json(200, 'open') } } }
]

const planOf = (token: string) => ({
  admin: { host: '127.0.0.1', port: 0, tls: false, tokenHash: sha256(token) },
  certificates: []
})

async function serve(t: Test): Promise<AdminAddress> {
  const address = await AdminAddress.start(planOf('the-owners-token'), RESOURCES)
  t.teardown(() => address.close())
  return address
}

t.test('nobody without the token reaches what is not open', async (t) => {
  const { port } = await serve(t)
  const ask = async (path: string, authorization?: string, method = 'GET'): Promise<number> => {
    const headers = authorization === undefined ? {} : { authorization }
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers })
    await answer.text()
    return answer.status
  }
  t.equal(await ask('/secrets'), 401)
  t.equal(await ask('/secrets', undefined, 'POST'), 401)
  t.equal(await ask('/secrets', 'Bearer the-owners-toke'), 401)
  t.equal(await ask('/secrets?x', 'Bearer another-token'), 401)
  t.equal(await ask('/nowhere'), 401, 'what there is is not told either')
  t.equal(await ask('/keys'), 200)
  t.equal(await ask('/keys/'), 401)
  t.equal(await ask('/secrets', 'Bearer the-owners-token'), 200)
  t.equal(await ask('/secrets', 'Bearer the-owners-token', 'POST'), 201)
})

t.test('another token holds from the next call on, and the one before no longer', async (t) => {
  const address = await serve(t)
  const ask = async (token: string): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` }
    const answer = await fetch(`http://127.0.0.1:${address.port}/secrets`, { headers })
    await answer.text()
    return answer.status
  }
  t.equal(await ask('the-owners-token'), 200)
  address.use(planOf('the-next-token'))
  t.equal(await ask('the-owners-token'), 401)
  t.equal(await ask('the-next-token'), 200)
})
