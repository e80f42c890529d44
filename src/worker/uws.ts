/**
 * The only importer of uWebSockets.js: every native call the gateway makes is named here, and every callback it
 * registers is wrapped here. An exception that leaves a uWS callback is `std::terminate` for the whole process, all
 * threads with it, so nothing may escape.
 */
import uws, {
  type AppOptions,
  type HttpRequest,
  type HttpResponse,
  type TemplatedApp,
  type us_listen_socket
} from 'uWebSockets.js'

/** What a handler answers through. Valid until it ends or aborts. */
export type NativeResponse = HttpResponse
/** Valid only inside the handler it is given to. */
export type NativeRequest = HttpRequest
/** A pointer to a native app as a number: the acceptor hands connections to it. */
export type AppDescriptor = number

/** Certificate of a TLS app: files that were checked before, since uWS fails silently on bad ones. */
export interface ServedCertificate {
  hosts: readonly string[]
  certFile: string
  keyFile: string
}

/** PEM of the client's certificate; '' when it has none, or its listener asks for none. */
export function clientCertificateOf(res: NativeResponse): string {
  return (res as unknown as { getX509Certificate(): string }).getX509Certificate()
}

export interface AppHandlers {
  /** @param certificate position of the certificate that the connection was opened with; -1 on plain listeners */
  request(res: NativeResponse, req: NativeRequest, certificate: number): void
  /** A connection came, and its TLS handshake is still to be. False: it is closed at once. `res` tells its peer and nothing more. */
  opened(res: NativeResponse): boolean
  /** It went. @param res of which there is nothing but `connectionOf`; null: it was refused when it came */
  closed(res: NativeResponse | null): void
  /** An exception that a handler let out: the process must not be lost by it. @param res of the request that is; null: none is */
  escaped(error: unknown, res: NativeResponse | null): void
}

// Drops the `uWebSockets: 20` header from every answer of this thread's apps.
;(uws as unknown as { _cfg(option: string): void })._cfg('silent')

/** A worker's app for one listener: takes connections from the acceptor, never listens itself (uWebSockets.js issue 1119). */
export class WorkerApp {
  readonly #app: TemplatedApp
  readonly #hosts: readonly string[]
  /** null once it is closed for good: uWS keeps its callbacks, and would keep what they reach. */
  #handlers: AppHandlers | null
  readonly descriptor: AppDescriptor

  /**
   * Throws when a certificate can't be used.
   * @param certificates null for plain HTTP; else the first answers clients that send no server name
   * @param clientCa file of the authorities whose client certificates are taken; null: clients aren't asked. A client
   * may show none; one by another authority ends the handshake
   */
  constructor(certificates: readonly ServedCertificate[] | null, clientCa: string | null, handlers: AppHandlers) {
    const first = certificates?.[0]
    const app = first ? uws.SSLApp(tlsOptions(first, clientCa)) : uws.App()
    this.#handlers = handlers
    app.any('/*', this.#wrapped(first ? 0 : -1))
    certificates?.forEach((certificate, index) => {
      // A server name has its own empty router: without a route of its own its connections are closed. The first
      // certificate's names get one too, so that a second one's wildcard can't take them over.
      for (const host of certificate.hosts) {
        app.addServerName(host, tlsOptions(certificate, clientCa))
        app.domain(host).any('/*', this.#wrapped(index))
      }
    })
    let refusing = false
    app.filter((res, count) => {
      const handlers = this.#handlers
      if (handlers === null) return
      try {
        if (Number(count) < 0) handlers.closed(refusing ? null : res)
        else if (!handlers.opened(res)) {
          refusing = true
          res.close()
        }
      } catch (error) {
        handlers.escaped(error, null)
      } finally {
        refusing = false
      }
    })
    this.#app = app
    this.#hosts = certificates?.flatMap(({ hosts }) => hosts) ?? []
    ;({ getDescriptor } = app as unknown as { getDescriptor: typeof getDescriptor })
    this.descriptor = getDescriptor.call(app)
  }

  /** Closes every connection it still has. Only after the acceptor unhooked it. */
  close(): void {
    this.#app.close()
    // uWS keeps a closed app for good, and with it a TLS context and a router for each server name unless they are
    // removed: 8 KB a name and rotation. Under a live connection that crashes; a second later there is none.
    setTimeout(() => {
      for (const host of this.#hosts) this.#app.removeServerName(host)
      this.#handlers = null
    }, CLOSED_FOR_GOOD).unref()
  }

  #wrapped(certificate: number): (res: HttpResponse, req: HttpRequest) => void {
    return (res, req) => {
      const handlers = this.#handlers
      // Can't be: a closed app has no connections. An answer has to be given all the same.
      if (handlers === null) return void res.close()
      try {
        handlers.request(res, req, certificate)
      } catch (error) {
        handlers.escaped(error, res)
      }
    }
  }
}

let getDescriptor: (this: unknown) => number
const pointer = new Float64Array(1)
const halves = new Uint32Array(pointer.buffer)

/**
 * Which connection a filter or a handler speaks of, the same number from its opening to its close: the address of its
 * native socket, which lives from the one call to the other. At the close nothing else tells connections apart: the wrapper is another
 * object, and the peer's address is empty, because the file descriptor is closed already.
 *
 * `getDescriptor` returns the pointer that the object it is called on wraps, whatever that is, as the bits of a double; it
 * follows no pointer, so it is safe on a response. test/worker/uws.test.ts holds the pinned binary to it.
 *
 * To be asked where it must be and nowhere else: of whatever it is asked, uWS has the JavaScript object kept for good (it
 * means to keep apps), and that is some 60 bytes a call.
 */
export function connectionOf(res: NativeResponse): number {
  pointer[0] = getDescriptor.call(res)
  return (halves[1] as number) * 0x1_0000_0000 + (halves[0] as number)
}

/** Each server name has a TLS context of its own, so each must ask for client certificates. */
function tlsOptions({ certFile, keyFile }: ServedCertificate, clientCa: string | null): AppOptions {
  const options: AppOptions = { cert_file_name: certFile, key_file_name: keyFile }
  return clientCa === null ? options : { ...options, ca_file_name: clientCa }
}

/** From closing an app to its last connection being gone from the event loop, amply, ms. */
const CLOSED_FOR_GOOD = 1_000

const EXCLUSIVE = (uws as unknown as { LIBUS_LISTEN_EXCLUSIVE_PORT: number }).LIBUS_LISTEN_EXCLUSIVE_PORT

/** The acceptor's app for one listener: owns the port, serves nothing, hands every connection on. */
export class AcceptorApp {
  readonly #app: TemplatedApp
  #socket: us_listen_socket | false = false
  #children = 0

  constructor(tls: boolean) {
    // The TLS handshake happens in the worker, so the acceptor needs no key.
    this.#app = tls ? uws.SSLApp({}) : uws.App()
    // With no worker hooked the acceptor would serve the connection itself: say so instead of 404.
    this.#app.any('/*', (res) => {
      // See Serving.begin.
      res.onAborted(() => {})
      res.writeStatus('503 Service Unavailable').writeHeader('retry-after', '1').end('', true)
    })
  }

  /** @returns the bound port, or null when the address can't be bound. The port is exclusive: uWS's default would share it silently. */
  listen(host: string, port: number): number | null {
    const app = this.#app as unknown as {
      listen(host: string, port: number, options: number, done: (socket: us_listen_socket | false) => void): void
    }
    app.listen(host, port, EXCLUSIVE, (socket) => {
      this.#socket = socket
    })
    return this.#socket ? uws.us_socket_local_port(this.#socket) : null
  }

  hook(child: AppDescriptor): void {
    ;(this.#app as unknown as { addChildAppDescriptor(d: number): void }).addChildAppDescriptor(child)
    this.#children++
  }

  unhook(child: AppDescriptor): void {
    ;(this.#app as unknown as { removeChildAppDescriptor(d: number): void }).removeChildAppDescriptor(child)
    this.#children--
  }

  get children(): number {
    return this.#children
  }

  /** Takes no more connections; those handed over live on in their workers. */
  stopListening(): void {
    if (this.#socket) uws.us_listen_socket_close(this.#socket)
    this.#socket = false
  }

  close(): void {
    this.stopListening()
    this.#app.close()
  }
}
