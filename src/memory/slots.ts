/**
 * The lock-free hash table under limit-table.ts and concurrency.ts: a slot is a 64-bit key and a 64-bit word. A key may
 * lie in the 64 slots of its window, 8 groups of 8 neighbours, in a fixed order. Slots whose word says that they hold
 * nothing any more are taken over by other keys, in place, while every thread goes on reading and changing. No thread
 * ever waits for another.
 *
 * What has to hold, always: **at most one slot in state LIVE carries a given key.** Two would each admit a full
 * burst. And a thread that changes a slot's word changes the word of the key it meant, not of the next owner.
 *
 * The word. Its two lowest bits are a state, the 62 above are the table's own value:
 *
 *     LIVE ──take over──▶ OWNED ──key written──▶ TENTATIVE ──no rival found──▶ LIVE (of the new key)
 *                            ▲                       └──killed, or given up──▶ DEAD ──taken over──▶ OWNED
 *
 * Every change makes the word larger, over all owners of the slot (LIVE→OWNED→TENTATIVE→DEAD are +1 each, DEAD→OWNED
 * is +2, and a subclass only ever writes larger LIVE words; a DEAD slot whose word is ahead of them, because it was
 * displaced while it held something, waits until it is `passed`). So a word never comes back, and a compareExchange that
 * succeeds proves that the slot did not change between the load of the expected word and the exchange: neither its
 * word nor its key, which is only written while OWNED. That settles the race of a charge against a take-over: one of
 * the two exchanges fails, and its thread starts again.
 *
 * The race of two threads that claim different slots for one key. All accesses are Atomics, which JavaScript orders
 * in one total order. A claimant (1) owns a slot and writes the key, (2) publishes TENTATIVE, (3) looks through the
 * whole window, killing every other TENTATIVE of its key and giving up if it meets a LIVE one, (4) turns its own
 * TENTATIVE to LIVE with a compareExchange, which fails if it was killed. Suppose A and B both got through for one
 * key, in different slots, and A published first. B's step 3 comes after A's step 2, so B met A's slot as TENTATIVE
 * or as what it became: had B killed it, A's step 4 would have failed; had A been LIVE by then, B would have given
 * up; had A been killed or given up, A would not have got through. Remains that A's slot had been LIVE and was taken
 * over by another key before B looked: then it held nothing any more, and there is nothing that B could double.
 *
 * Where a look may stop. A claimant takes the first free slot of its window, and a slot never used (word 0) is free.
 * So when a reader meets a never-used slot, no claim made before that moment lies beyond it; a claim made after it
 * comes after the reader's own step 2, and it is the other thread that meets the reader.
 *
 * Progress. Of two TENTATIVE rivals the one earlier in the window kills, the later gives up and tries again; after
 * PATIENCE tries it kills too, so that a thread the system has put aside holds nobody up. Attempts are bounded; a
 * thread that runs out of them refuses. A thread that is destroyed between (1) and (4) leaves one slot unusable.
 */

/**
 * Slots looked at for one key. Groups are two cache lines each and lie apart by a stride of the key's own, so that full
 * neighbourhoods do not grow together as in linear probing.
 */
export const WINDOW = 64
const GROUP = 8

const LIVE = 0
const TENTATIVE = 2
const DEAD = 3
const STATE = 3
/** LIVE among a word's bits. */
const LIVE_WORD = 0n

const PATIENCE = 8
/** Tries before a decision is given up and refused: more than any number of threads has been seen to need, by far. */
export const ATTEMPTS = 1000

/** Results of `claim` that are no slot. */
export const AGAIN = -1
export const FULL = -2

const SLOT_BYTES = 16
const SAMPLE = 1024

/** Slots for at least `wanted` keys: a power of two, no less than one window. */
export function slotCount(wanted: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(wanted, WINDOW)))
}

export function bytesOfSlots(wanted: number): number {
  return slotCount(wanted) * SLOT_BYTES
}

export abstract class SlotTable {
  readonly slots: number
  /** Slot i's word is at 2i+1. */
  protected readonly words: BigInt64Array
  /** The word under which `claim` published: what has to be exchanged for the first LIVE word. */
  protected claimedWord = 0n
  /**
   * The same memory in halves: slot i's key at 4i and 4i+1, the word's lower half with the state at 4i+2. Comparing
   * keys as two Int32 costs no BigInt; halves of two keys can be seen together only if the slot was OWNED in between,
   * and whoever acts on them proves the word afterwards.
   */
  readonly #halves: Int32Array
  readonly #groupMask: number

  /** @param buffer of `bytesOfSlots(wanted)` bytes or, past those, more */
  constructor(buffer: SharedArrayBuffer, wanted: number) {
    this.slots = slotCount(wanted)
    this.words = new BigInt64Array(buffer, 0, this.slots * 2)
    this.#halves = new Int32Array(buffer, 0, this.slots * 4)
    this.#groupMask = this.slots / GROUP - 1
  }

  /** Whether a LIVE word says nothing that an absent slot would not. `now` as the table's own methods take it. */
  protected abstract idle(word: bigint, now: bigint): boolean

  /** Whether any claimant's first LIVE word will be larger than what its claim makes of this DEAD one. */
  protected passed(_word: bigint, _now: bigint): boolean {
    return true
  }

  /**
   * The LIVE slot of a key (`lo` and `hi` not both 0), or -1. Plain loads, at half the cost of Atomics.load, which
   * V8 makes a call: what they say is a hint. A slot is made sure by `word` and `holds` and then a compareExchange or
   * `unchanged`; its absence by `claim`.
   */
  protected find(lo: number, hi: number): number {
    const halves = this.#halves
    for (let place = 0; place < WINDOW; place++) {
      const slot = this.slotAt(lo, hi, place)
      const at = slot * 4
      const seen = halves[at]
      if (seen === lo) {
        if (halves[at + 1] === hi && ((halves[at + 2] as number) & STATE) === LIVE) return slot
      } else if (seen === 0 && halves[at + 2] === 0 && halves[at + 3] === 0) return -1
    }
    return -1
  }

  /** asIntN, here and around every operation on words: without it V8 makes a heap object of each (26 ns becomes 77). */
  protected word(slot: number): bigint {
    return BigInt.asIntN(64, Atomics.load(this.words, slot * 2 + 1))
  }

  /**
   * Whether `word`, loaded from `slot` just before, was a LIVE word of this key, provided that a compareExchange from
   * `word` succeeds afterwards. The load of the word synchronises with the exchange it saw, so the plain loads of the
   * key that follow give the key of that owner, or of a later one, who must have changed the word first. Compared as a
   * bigint: Number() is a call into the runtime, a twentieth of a decision.
   */
  protected holds(slot: number, word: bigint, lo: number, hi: number): boolean {
    const halves = this.#halves
    const at = slot * 4
    return BigInt.asUintN(2, word) === LIVE_WORD && halves[at] === lo && halves[at + 1] === hi
  }

  /** Instead of the compareExchange, where nothing is to be written: the key and then the word are still the same. */
  protected unchanged(slot: number, word: bigint, lo: number, hi: number): boolean {
    const halves = this.#halves
    return (
      Atomics.load(halves, slot * 4) === lo && Atomics.load(halves, slot * 4 + 1) === hi && this.word(slot) === word
    )
  }

  /**
   * Steps 1 to 3 for a key that `find` did not find: a slot that is TENTATIVE under `claimedWord` and had no rival,
   * for the caller's step 4; AGAIN when another thread was in the way; FULL when no slot of the window is free.
   * @param attempt how often this decision has been tried before
   */
  protected claim(lo: number, hi: number, now: bigint, attempt: number): number {
    const place = this.#firstFree(lo, hi, now)
    if (place < 0) return FULL
    const slot = this.slotAt(lo, hi, place)
    const before = this.word(slot)
    return this.#free(before, now) ? this.#publish(lo, hi, place, before, attempt) : AGAIN
  }

  /**
   * `claim` of a slot that is LIVE and not idle, or DEAD and not passed, at `place` of the key's window, where no slot is
   * free. What a LIVE one holds must be kept elsewhere, where a claimant of its key will look in step 4, before this is
   * called: it is kept then before the slot stops to be LIVE, and is not found LIVE by anyone who could miss it there.
   * The first LIVE word must be larger than `claimedWord`.
   * @param before its word: if that has changed, the answer is AGAIN
   */
  protected displace(lo: number, hi: number, place: number, before: bigint, attempt: number): number {
    return this.#publish(lo, hi, place, before, attempt)
  }

  #publish(lo: number, hi: number, place: number, before: bigint, attempt: number): number {
    const words = this.words
    const slot = this.slotAt(lo, hi, place)
    const owned = before + ((before & 3n) === 0n ? 1n : 2n)
    if (Atomics.compareExchange(words, slot * 2 + 1, before, owned) !== before) return AGAIN
    Atomics.store(this.#halves, slot * 4, lo)
    Atomics.store(this.#halves, slot * 4 + 1, hi)
    const tentative = owned + 1n
    // OWNED is this thread's alone: nobody else writes the word, so a store is enough.
    Atomics.store(words, slot * 2 + 1, tentative)
    if (this.#rivalsRemoved(lo, hi, place, attempt)) {
      this.claimedWord = tentative
      return slot
    }
    // Fails only if a rival has made it DEAD already.
    Atomics.compareExchange(words, slot * 2 + 1, tentative, tentative + 1n)
    return AGAIN
  }

  /**
   * For a thread that is about to charge a key elsewhere because it has no slot: whether it has one by now. Claims of it
   * under way are killed, so that they begin anew and see the charge. True: there is a LIVE one.
   */
  protected overtaken(lo: number, hi: number): boolean {
    for (let place = 0; place < WINDOW; place++) {
      const slot = this.slotAt(lo, hi, place)
      for (;;) {
        const word = this.word(slot)
        if (word === 0n) return false
        if (Atomics.load(this.#halves, slot * 4) !== lo || Atomics.load(this.#halves, slot * 4 + 1) !== hi) break
        const state = Number(word & 3n)
        if (state === LIVE) {
          if (this.unchanged(slot, word, lo, hi)) return true
          // It may be this key's still, and only charged meanwhile.
          continue
        }
        if (state !== TENTATIVE) break
        if (Atomics.compareExchange(this.words, slot * 2 + 1, word, word + 1n) === word) break
      }
    }
    return false
  }

  /** Instead of step 4: what `claim` gave is not wanted. Does nothing if a rival has killed it. */
  protected giveUp(slot: number): void {
    Atomics.compareExchange(this.words, slot * 2 + 1, this.claimedWord, this.claimedWord + 1n)
  }

  /** Share of slots in use, from a sample: for metrics. */
  fill(now: bigint): number {
    const sample = Math.min(SAMPLE, this.slots)
    const step = this.slots / sample
    let used = 0
    for (let slot = 0; slot < this.slots; slot += step) {
      if (!this.#free(this.word(slot), now)) used++
    }
    return used / sample
  }

  /** The slot at `place` (0 to WINDOW-1) of a key's window. The stride is odd, so the groups are all different. */
  protected slotAt(lo: number, hi: number, place: number): number {
    return (((lo + (place >> 3) * (hi | 1)) & this.#groupMask) << 3) | (place & 7)
  }

  /** A slot's key as it is now: the owner's of a word that is `unchanged` after. */
  protected keyLo(slot: number): number {
    return Atomics.load(this.#halves, slot * 4)
  }

  protected keyHi(slot: number): number {
    return Atomics.load(this.#halves, slot * 4 + 1)
  }

  #free(word: bigint, now: bigint): boolean {
    const state = Number(word & 3n)
    return state === DEAD ? this.passed(word, now) : state === LIVE && this.idle(word, now)
  }

  #firstFree(lo: number, hi: number, now: bigint): number {
    for (let place = 0; place < WINDOW; place++) {
      if (this.#free(this.word(this.slotAt(lo, hi, place)), now)) return place
    }
    return -1
  }

  /** Step 3. False: give up, because the key is LIVE elsewhere or an earlier rival goes first. */
  #rivalsRemoved(lo: number, hi: number, own: number, attempt: number): boolean {
    const halves = this.#halves
    for (let place = 0; place < WINDOW; place++) {
      if (place === own) continue
      const slot = this.slotAt(lo, hi, place)
      const seen = Atomics.load(halves, slot * 4)
      if (seen !== lo && seen !== 0) continue
      const word = this.word(slot)
      if (word === 0n) return true
      // The key again, now after the word: together they are one owner's, or the exchange below fails.
      if (Atomics.load(halves, slot * 4) !== lo || Atomics.load(halves, slot * 4 + 1) !== hi) continue
      const state = Number(word & 3n)
      if (state === LIVE) return false
      if (state !== TENTATIVE) continue
      if (place < own && attempt < PATIENCE) return false
      // Killed, it is DEAD. If the exchange fails, the rival has got through or given up: look again.
      if (Atomics.compareExchange(this.words, slot * 2 + 1, word, word + 1n) !== word) return false
    }
    return true
  }
}
