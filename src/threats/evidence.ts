import { EVIDENCE_PATH, EVIDENCE_SHOWN, type Bucket, type Evidence } from '../ban.ts'

/** Events a worker remembers, over all clients; the oldest makes room. */
const REMEMBERED = 1024
/** One place of the ring, filled again and again: an event allocates nothing. */
interface Place extends Evidence, Bucket {}

/**
 * The last events of one worker, by the bucket they went to: what a ban shows when it is asked why. Only this worker
 * writes and reads it; the control thread asks every worker for its part when one of them has banned.
 */
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

  /** The last of a bucket, oldest first, EVIDENCE_SHOWN at most. */
  of({ lo, hi }: Bucket): Evidence[] {
    const found: Evidence[] = []
    for (let i = 1; i <= REMEMBERED && found.length < EVIDENCE_SHOWN; i++) {
      const place = this.#places[(this.#next - i + REMEMBERED) % REMEMBERED] as Place
      if (place.lo === lo && place.hi === hi && place.id !== '') found.push(evidenceOf(place))
    }
    return found.reverse()
  }
}

export function evidenceOf({ time, method, path, status, id }: Evidence): Evidence {
  return { time, method, path: path.slice(0, EVIDENCE_PATH), status, id }
}
