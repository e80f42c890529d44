import { join } from 'node:path'
import type { PlanBody } from '../plan/plan.ts'
import { AdminAddress } from './admin/address.ts'
import { startControlSocket } from './admin/control-socket.ts'
import { startMetricsServer } from './admin/metrics-server.ts'
import type { Resource } from './admin/resource.ts'
import type { Closers } from './closers.ts'

export interface DoorOptions {
  stateDir: string
  /** What the owner may ask and change, on the control socket and `admin.address` alike. */
  resources: readonly Resource[]
  /** Public keys of the gateway's tokens, which need no credential: on `metrics.address` too. */
  jwks: Resource
  /** Prometheus text. */
  exposition: () => Promise<string>
  closers: Closers
}

/** Where the owner is answered: the control socket, and the addresses of `admin` and `metrics` where a plan has them. */
export class Doors {
  readonly #admin: AdminAddress | null

  private constructor(admin: AdminAddress | null) {
    this.#admin = admin
  }

  /** Rejects when one of them can't be listened on. */
  static async open(plan: PlanBody, options: DoorOptions): Promise<Doors> {
    const { stateDir, jwks, exposition, closers } = options
    const resources = [...options.resources, jwks]
    const socket = await startControlSocket(join(stateDir, 'control.sock'), resources)
    closers.add(() => socket.close())
    const { admin, certificates } = plan
    const address = admin === null ? null : await AdminAddress.start({ admin, certificates }, resources)
    if (address !== null) closers.add(() => address.close())
    if (plan.metrics !== null) {
      const metrics = await startMetricsServer(plan.metrics, exposition, [jwks])
      closers.add(() => metrics.close())
    }
    return new Doors(address)
  }

  /** As bound; null: there is no address. */
  get adminPort(): number | null {
    return this.#admin?.port ?? null
  }

  /** Another token, other certificates. */
  use({ admin, certificates }: PlanBody): void {
    if (admin !== null) this.#admin?.use({ admin, certificates })
  }
}
