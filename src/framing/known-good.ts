const SLOTS = 256
/** Below this a scan costs what the comparison would. */
const SHORTEST = 12
/** With SLOTS the bound on what is held: 1 MiB of Latin-1 text. */
const LONGEST = 4096

/**
 * Whether texts pass a test that reads every character, remembering those that did. A client's requests repeat their
 * header values (the user agent, the token of an hour), and comparing with a remembered copy is ten times cheaper than
 * looking at each character (measured: 0.2 against 2.5 µs for 870 characters). A slot per hash of a few characters:
 * whoever fills them with rubbish makes others pay the scan again, and nothing more.
 */
export class KnownGood {
  readonly #test: (text: string) => boolean
  readonly #slots: string[] = Array.from({ length: SLOTS }, () => '')

  constructor(test: (text: string) => boolean) {
    this.#test = test
  }

  passes(text: string): boolean {
    const length = text.length
    if (length < SHORTEST || length > LONGEST) return this.#test(text)
    const slot = (length * 31 + text.charCodeAt(length - 1) * 7 + text.charCodeAt(length >> 1)) % SLOTS
    if (this.#slots[slot] === text) return true
    if (!this.#test(text)) return false
    this.#slots[slot] = text
    return true
  }
}
