import { EVIDENCE_PATH, type Evidence } from '../ban.ts'

/** Events a worker remembers, over all clients; the oldest makes room. */
const REMEMBERED = 1024
/** Requests shown of a ban. */
const SHOWN = 8

/** One place of the ring, filled again and again: an event allocates nothing. */
interface Place extends Evidence {
  lo: number
  hi: number
}

/** The last events of one worker, by the bucket they went to: what a ban shows when it is asked why. */
export class EvidenceRing {
  readonly #places: Place[] = Array.from({ length: REMEMBERED }, () => ({
    lo: 0,
    hi: 0,
    time: 0,
    method: '',
    path: '',
    status: 0,
    id: ''
  }))
  #next = 0

  /** @param lo,hi the bucket's place in the table of events */
  add(lo: number, hi: number, request: Evidence): void {
    const place = this.#places[this.#next] as Place
    this.#next = (this.#next + 1) % REMEMBERED
    place.lo = lo
    place.hi = hi
    place.time = request.time
    place.method = request.method
    place.path = request.path
    place.status = request.status
    place.id = request.id
  }

  /** The last eight of a bucket, oldest first. */
  of(lo: number, hi: number): Evidence[] {
    const found: Evidence[] = []
    for (let i = 1; i <= REMEMBERED && found.length < SHOWN; i++) {
      const place = this.#places[(this.#next - i + REMEMBERED) % REMEMBERED] as Place
      if (place.lo === lo && place.hi === hi && place.id !== '') found.push(evidenceOf(place))
    }
    return found.reverse()
  }
}

export function evidenceOf({ time, method, path, status, id }: Evidence): Evidence {
  return { time, method, path: path.slice(0, EVIDENCE_PATH), status, id }
}
