import type { SharedMemory } from '../memory/shared.ts'
import type { Log } from '../observe/log.ts'
import type { PlanBody } from '../plan/plan.ts'
import type { KeyUses } from './api-keys/uses.ts'
import type { BanBook } from './bans/book.ts'
import type { Closers } from './closers.ts'
import { QuotaKeeper } from './quota-keeper.ts'
import { RevocationRegistry, type RevocationOptions } from './revocations/registry.ts'
import { BanRows } from './store/bans.ts'
import { KeyUseRows } from './store/key-uses.ts'
import { QuotaCounts } from './store/quotas.ts'
import { QuotaSketchRows } from './store/quota-sketch.ts'
import { RevocationTable } from './store/revocations.ts'
import { startStoreThread, Store } from './store/store.ts'

export interface DurableOptions {
  memory: SharedMemory
  bans: BanBook
  keyUses: KeyUses
  /** Tells the workers of a revocation. */
  revoke: RevocationOptions['send']
  /** Takes up the access records that no one has looked at yet: uses of API keys are in them. */
  catchUp: () => void
  log: () => Log
  closers: Closers
}

/**
 * What outlives a restart in state.dir/gatehouse.db: bans, revocations made at run time, counts of quotas, last uses of
 * API keys. All null until it is opened, for workers and the owner's questions may come sooner.
 */
export class Durable {
  readonly #options: DurableOptions
  /** Loads its code while the configuration is read, which says where the database is. */
  readonly #thread = startStoreThread()
  #store: Store | null = null
  #revocations: RevocationRegistry | null = null
  #quotas: QuotaKeeper | null = null

  constructor(options: DurableOptions) {
    this.#options = options
  }

  get store(): Store | null {
    return this.#store
  }

  get revocations(): RevocationRegistry | null {
    return this.#revocations
  }

  /** Brings back what was kept, before anything is served. Rejects when it can't be read. */
  async open(stateDir: string): Promise<RevocationRegistry> {
    const { memory, bans, keyUses, revoke, catchUp, log, closers } = this.#options
    const store = await Store.open({ stateDir, thread: this.#thread, onNote: (level, text) => log()[level](text) })
    this.#store = store
    closers.add(() => store.close())
    await bans.restore(new BanRows(store))
    await keyUses.restore(new KeyUseRows(store))
    closers.add(() => {
      catchUp()
      keyUses.flush()
    })
    const table = new RevocationTable(store)
    const revocations = new RevocationRegistry({ table, send: revoke, flush: () => store.flush() })
    this.#revocations = revocations
    closers.add(() => revocations.close())
    await revocations.start()
    const quotas = await QuotaKeeper.open({
      memory,
      counts: new QuotaCounts(store),
      sketch: new QuotaSketchRows(store),
      log
    })
    this.#quotas = quotas
    closers.add(() => quotas.close())
    return revocations
  }

  /** `plan` serves from now on. */
  use(plan: PlanBody): void {
    this.#quotas?.use(plan)
    this.#revocations?.use(plan.revocations)
  }
}
