import { Counters } from '../../memory/counters.ts'
import type { SharedMemory } from '../../memory/shared.ts'
import type { Log } from '../../observe/log.ts'
import type { PlanBody } from '../../plan/plan.ts'
import { Detector } from '../../threats/detector.ts'
import type { Closers } from '../closers.ts'
import { fetchLazily } from '../fetch-lazily.ts'
import { BanBook } from './book.ts'
import { Crowdsec } from './crowdsec.ts'
import { Firewall } from './firewall.ts'
import { nft } from './nft.ts'
import { Witnesses, type WitnessesOptions } from './witnesses.ts'

/** Who is kept out: the bans, their copy in the kernel, and those that CrowdSec adds. */
export class Defence {
  readonly book: BanBook
  /** Told when a worker has banned somebody. */
  readonly witnesses: Witnesses
  readonly firewall: Firewall
  readonly crowdsec: Crowdsec

  constructor(memory: SharedMemory, log: () => Log, closers: Closers, testimonies: WitnessesOptions['testimonies']) {
    const book = new BanBook(memory, log)
    this.book = book
    closers.add(() => book.close())
    this.witnesses = new Witnesses({ book, testimonies })
    const detector = new Detector(memory, new Counters(memory, 'control'))
    this.firewall = new Firewall({
      nft,
      log,
      holding: () => book.holding(),
      isCrowd: (key) => detector.isCrowd(key),
      most: book.most
    })
    book.follow(this.firewall)
    closers.add(() => this.firewall.close())
    this.crowdsec = new Crowdsec({ fetch: fetchLazily, bans: book, log, most: Math.floor(book.most / 2) })
    closers.add(() => this.crowdsec.close())
  }

  /** `plan` serves from now on. The kernel follows by `firewall.use`, which knows the ports. */
  use(plan: PlanBody): void {
    this.book.use(plan.threats)
    this.crowdsec.use(plan.crowdsec)
  }
}
