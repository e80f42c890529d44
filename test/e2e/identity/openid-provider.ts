/**
 * A real OpenID provider (oidc-provider) on loopback: it signs tokens, publishes its keys and its discovery document,
 * answers introspection and takes DPoP proofs. What a test changes of it: its keys, whether it is there at all, and
 * what stands in for it.
 */
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import Provider from 'oidc-provider'
import { freePort } from '../free-port.ts'
import type { Owner } from '../gateway.ts'
import type { Signer } from '../tokens.ts'

/** Who asks for tokens (one whose tokens are bound to its certificate), and as whom the gateway asks about opaque ones. */
export const APP = { id: 'app', secret: 'app-secret-0123456789abcdef0123456789' }
export const MACHINE = { id: 'machine', secret: 'machine-secret-0123456789abcdef01234' }
export const GATEWAY = { id: 'gateway', secret: 'gw:secret/0123456789abcdef%0123456789' }

/** Shows a certificate of this alternative name, and has no secret (RFC 8705 section 2.1). */
export const FLEET = { id: 'fleet', name: 'fleet.acme.example' }

export interface Asked {
  readonly method: string
  readonly path: string
}

/** Koa's, as far as it is read here. */
interface Context {
  socket: Partial<Pick<TLSSocket, 'authorized' | 'getPeerX509Certificate'>>
  get(name: string): string
}

export class OpenIdProvider {
  port = 0
  /** URL under which it asks for client certificates; '' until `askForCertificates`. */
  mutualTls = ''
  /** Every request that came, in order. */
  readonly asked: Asked[] = []
  /** Answers in the provider's place for one path; removed by the test. */
  readonly instead = new Map<string, RequestListener>()
  #server: Server | null = null
  #answer: RequestListener = (_, response) => void response.writeHead(500).end()
  /** Path of the issuer, `/tenant` or ''. */
  readonly #path: string

  constructor(path = '') {
    this.#path = path
  }

  get issuer(): string {
    return `http://127.0.0.1:${this.port}${this.#path}`
  }

  /** How often a path was asked for. */
  count(path: string): number {
    return this.asked.filter((one) => one.path === this.#path + path).length
  }

  /** Signs with the first key from now on, and publishes them all. What it issued before stays known to it. */
  use(...signers: Signer[]): void {
    const { mutualTls } = this
    const keys = signers.map(({ privateKey, jwk }) => ({ ...privateKey.export({ format: 'jwk' }), ...jwk }))
    const provider = new Provider(this.issuer, {
      jwks: { keys },
      clients: [
        ...[APP, MACHINE, GATEWAY].map(({ id, secret }) => ({
          client_id: id,
          client_secret: secret,
          tls_client_certificate_bound_access_tokens: id === MACHINE.id
        })),
        {
          client_id: FLEET.id,
          token_endpoint_auth_method: 'tls_client_auth',
          tls_client_auth_san_dns: FLEET.name,
          tls_client_certificate_bound_access_tokens: true
        }
      ].map((client) => ({
        ...client,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        id_token_signed_response_alg: signers[0]?.alg,
        response_types: []
      })),
      clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'tls_client_auth'],
      ...(mutualTls === '' ? {} : { discovery: { mtls_endpoint_aliases: { token_endpoint: `${mutualTls}/token` } } }),
      scopes: ['orders:read', 'orders:write'],
      ttl: { ClientCredentials: 3600 },
      // Its development keys and pages would only be noise.
      cookies: { keys: ['not-used-by-machines'] },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        dPoP: { enabled: true },
        mTLS: {
          enabled: true,
          certificateBoundAccessTokens: true,
          tlsClientAuth: true,
          // Of the connection, or as a proxy in front of it would tell.
          getCertificate: (context: Context) =>
            context.socket.getPeerX509Certificate?.()?.toString() ??
            (decodeURIComponent(context.get('x-client-certificate')) || undefined),
          certificateAuthorized: ({ socket }: Context) => socket.authorized === true,
          certificateSubjectMatches: ({ socket }: Context, property: string, expected: string) =>
            property === 'tls_client_auth_san_dns' &&
            socket.getPeerX509Certificate?.()?.subjectAltName === `DNS:${expected}`
        },
        introspection: {
          enabled: true,
          allowedPolicy: (_: unknown, client: { clientId: string }) => client.clientId === GATEWAY.id
        },
        revocation: { enabled: true, allowedPolicy: () => true },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: (_: unknown, resource: string) => ({
            scope: 'orders:read orders:write',
            audience: 'api',
            accessTokenTTL: 3600,
            accessTokenFormat: resource.endsWith('/opaque') ? 'opaque' : 'jwt',
            jwt: { sign: { alg: signers[0]?.alg } }
          })
        }
      }
    })
    const answer = provider.callback()
    this.#answer = (request, response) => {
      request.url = request.url?.slice(this.#path.length)
      // Koa reads the mount point out of the difference, as Express leaves it.
      Object.assign(request, { originalUrl: this.#path + request.url })
      answer(request, response)
    }
  }

  /** Begins to listen, at the port it had before. */
  async up(): Promise<void> {
    const server = createServer((request, response) => {
      const path = (request.url ?? '').split('?')[0] ?? ''
      this.asked.push({ method: request.method ?? '', path })
      const stranger = this.instead.get(path)
      if (stranger !== undefined) stranger(request, response)
      else this.#answer(request, response)
    })
    this.port ||= await freePort()
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve))
    this.#server = server
  }

  /** Begins to listen with TLS too, at a port of its own, and to publish that at the next `use`. */
  async askForCertificates(t: Owner, options: ServerOptions): Promise<void> {
    const server = createTlsServer({ ...options, requestCert: true, rejectUnauthorized: false }, (request, response) =>
      this.#answer(request, response)
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    this.mutualTls = `https://127.0.0.1:${(server.address() as AddressInfo).port}${this.#path}`
    t.teardown(() => server.close())
  }

  async down(): Promise<void> {
    const server = this.#server
    if (server === null) return
    this.#server = null
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }

  /** An access token of the client credentials grant: a JWT, or an opaque one. */
  token(format: 'jwt' | 'opaque' = 'jwt', scope = 'orders:read'): Promise<string> {
    return this.#issue(format, scope, { authorization: basic(APP) })
  }

  /** The same, bound to a client certificate in PEM. */
  boundToken(format: 'jwt' | 'opaque', certificate: string): Promise<string> {
    const headers = { authorization: basic(MACHINE), 'x-client-certificate': encodeURIComponent(certificate) }
    return this.#issue(format, 'orders:read', headers)
  }

  async #issue(format: string, scope: string, headers: Record<string, string>): Promise<string> {
    const answer = await fetch(`${this.issuer}/token`, {
      method: 'POST',
      headers,
      body: new URLSearchParams({ grant_type: 'client_credentials', resource: `https://api.example/${format}`, scope })
    })
    const body = (await answer.json()) as { access_token?: unknown }
    const token = body.access_token
    if (typeof token !== 'string')
      throw new Error(`the provider issued no token: ${answer.status} ${JSON.stringify(body)}`)
    return token
  }

  /** RFC 7009. */
  async revoke(token: string): Promise<void> {
    const answer = await fetch(`${this.issuer}/token/revocation`, {
      method: 'POST',
      headers: { authorization: basic(APP) },
      body: new URLSearchParams({ token })
    })
    if (answer.status !== 200) throw new Error(`not revoked: ${answer.status}`)
  }
}

/** RFC 6749 section 2.3.1: both halves form-encoded first. */
function basic({ id, secret }: { id: string; secret: string }): string {
  const encode = (text: string): string => new URLSearchParams({ x: text }).toString().slice(2)
  return `Basic ${Buffer.from(`${encode(id)}:${encode(secret)}`).toString('base64')}`
}

/** Listening, with these keys; gone at the end of `t`. */
export async function startProvider(t: Owner, signers: readonly Signer[], path = ''): Promise<OpenIdProvider> {
  const provider = new OpenIdProvider(path)
  await provider.up()
  provider.use(...signers)
  t.teardown(() => provider.down())
  return provider
}
