// The gateway a Node.js team would write: fastify, @fastify/http-proxy and @fastify/jwt, configured by their READMEs.
// Without limits and without a log, which would only make it slower.
import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import proxy from '@fastify/http-proxy'
import jwt from '@fastify/jwt'

const { PORT, UPSTREAM, KEY, ALGORITHM, ISSUER, AUDIENCE, SCOPE, TENANT, CACHE } = process.env
const app = Fastify({ logger: false })

if (KEY) {
  app.register(jwt, {
    secret: { public: readFileSync(KEY, 'utf8') },
    verify: { algorithms: [ALGORITHM], allowedIss: ISSUER, allowedAud: AUDIENCE, cache: CACHE === '1' }
  })
}

app.register(proxy, {
  upstream: UPSTREAM,
  undici: { connections: 256, pipelining: 1 },
  ...(KEY ? { preHandler: authorize, replyOptions: { rewriteRequestHeaders } } : {})
})

async function authorize(request, reply) {
  await request.jwtVerify()
  const { scope, tenant } = request.user
  if (!scope.split(' ').includes(SCOPE) || tenant !== TENANT) return reply.code(403).send({ error: 'forbidden' })
}

function rewriteRequestHeaders(request, headers) {
  const { authorization: _, ...kept } = headers
  return { ...kept, 'x-subject': request.user.sub, 'x-forwarded-for': request.ip }
}

await app.listen({ host: '127.0.0.1', port: Number(PORT) })
