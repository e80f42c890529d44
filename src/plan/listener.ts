import type { Where } from './policy.ts'

export interface ListenerPlan {
  name: string
  /** Address to bind, without brackets for IPv6. */
  host: string
  /** 0: any free port (tests). */
  port: number
  tls: boolean
  /** TLS only. */
  minVersion: 'TLSv1.2'
  /** Whether clients are asked for certificates, and whether they must have one; null: not asked. TLS only. */
  clientCertificates: ClientCertificatesPlan | null
  /** Answer everything with 308 to this https port; null: serve. 0 means the bound port of the first TLS listener. */
  redirect: { port: number } | null
  /** Path that answers 200 while ready and 503 while not, before bans and routes; null: none. */
  ready: string | null
  client: ClientPlan
}

export interface ClientCertificatesPlan {
  /** Private copy of the authorities whose certificates are taken; its name is a hash of its content. */
  caFile: string
  /** Refuse every request of a client that shows none. */
  required: boolean
  where: Where
}

/** How the client's address is found on a listener. */
export interface ClientPlan {
  addressFrom:
    | { kind: 'connection' | 'x-forwarded-for' | 'forwarded' | 'proxy-protocol' }
    | { kind: 'header'; name: string }
  /** CIDR blocks whose word on the client's address, request id and trace is taken. */
  trustedProxies: string[]
  /** Leading bits of an IPv6 address that count as one client, 1-128. */
  ipv6Prefix: number
  /** Whether request bodies without a length are taken; `refuse` answers 411. */
  chunked: 'accept' | 'refuse'
  /** Absent: a client may open as many as it likes. */
  connections?: ConnectionsPlan
}

/** What one client may have of connections. One of the two amounts is there, or both. */
export interface ConnectionsPlan {
  /** Place it is written at, a part of its keys: listeners that inherit one share its counts. */
  level: string
  /** Open at once; null: any number. */
  max: number | null
  /** Opened in `period` ms, `count` at once; null: any number. */
  rate: { count: number; period: number } | null
  where: string
}
