import { startGateway, type Gateway, type GatewayOptions, type Owner } from '../gateway.ts'
import { startUpstream } from '../upstream.ts'

/**
 * Gateways of one worker each, on one store and before one service that answers `ok`.
 * @param cluster what `cluster` holds, YAML @param service what the service holds besides its name and url, YAML
 */
export async function startHosts(
  t: Owner,
  count: number,
  cluster: string,
  service: string,
  options: GatewayOptions = {}
): Promise<Gateway[]> {
  const upstream = await startUpstream(t, (request, response) => {
    request.resume()
    response.end('ok')
  })
  const yaml = `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
log: { access: none }
cluster: { ${cluster} }
services: [ { name: s, url: "${upstream.url}", ${service} } ]
`
  return Promise.all(Array.from({ length: count }, () => startGateway(t, yaml, { workers: 1, ...options })))
}
