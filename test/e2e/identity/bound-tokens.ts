/** Tokens that a client library gets from the OpenID provider, bound to what it shows there; and whom the gateway asks. */
import * as oauth from 'oauth4webapi'
import { GATEWAY, type OpenIdProvider } from './openid-provider.ts'

/** The provider is plain http on loopback. */
export const ALLOWED = { [oauth.allowInsecureRequests]: true }

/** `issuers` of a configuration: the provider as `corp`, its opaque tokens too. */
export function issuersYaml({ issuer }: OpenIdProvider): string {
  return `issuers:
  - name: corp
    issuer: "${issuer}"
    audiences: [api]
    introspection: { url: "${issuer}/token/introspection", clientId: ${GATEWAY.id}, clientSecret: "${GATEWAY.secret}" }
`
}

export async function discover(provider: OpenIdProvider): Promise<oauth.AuthorizationServer> {
  const issuer = new URL(provider.issuer)
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, ALLOWED))
}

/** What the library makes of the provider's answer to client credentials. `options`: what the token is bound to. */
export async function grant(
  as: oauth.AuthorizationServer,
  client: oauth.Client,
  auth: oauth.ClientAuth,
  format: 'jwt' | 'opaque',
  options: oauth.ClientCredentialsGrantRequestOptions
): Promise<oauth.TokenEndpointResponse> {
  const parameters = new URLSearchParams({ resource: `https://api.example/${format}`, scope: 'orders:read' })
  const answer = await oauth.clientCredentialsGrantRequest(as, client, auth, parameters, options)
  return oauth.processClientCredentialsResponse(as, client, answer)
}
