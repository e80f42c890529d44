import { NOBODY, type Caller } from '../../src/caller.ts'
import { HeaderList } from '../../src/headers.ts'
import type { RequestView } from '../../src/request.ts'
import { parseIp } from '../../src/ip.ts'

export interface ViewParts extends Partial<Omit<RequestView, 'headers' | 'caller' | 'pathParam' | 'hostParam'>> {
  headers?: readonly (readonly [string, string])[]
  caller?: Partial<Caller>
  pathParams?: Readonly<Record<string, string>>
  hostParams?: Readonly<Record<string, string>>
}

/** A request as policies see it: GET https://api.example.com/orders/7 from 192.0.2.1, but for what `parts` says. */
export function requestView(parts: ViewParts = {}): RequestView {
  const { headers = [], caller, pathParams = {}, hostParams = {}, ...fields } = parts
  const list = new HeaderList()
  for (const [name, value] of headers) list.add(name, value)
  const clientIp = parts.clientIp ?? '192.0.2.1'
  return {
    id: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
    method: 'GET',
    scheme: 'https',
    host: 'api.example.com',
    path: '/orders/7',
    query: '',
    size: 0,
    listener: 'public',
    clientIp,
    clientCertificate: null,
    clientAddress: parseIp(clientIp) ?? new Uint8Array(4),
    clientKey: clientIp,
    routeName: 'orders.read',
    serviceName: 'orders',
    rest: '',
    content: undefined,
    ...fields,
    headers: list,
    caller: { ...NOBODY, ...caller },
    pathParam: (name) => (Object.hasOwn(pathParams, name) ? pathParams[name] : undefined),
    hostParam: (name) => (Object.hasOwn(hostParams, name) ? hostParams[name] : undefined)
  }
}
