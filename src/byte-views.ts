/** The first n bytes of one stretch of memory, by n: lengths come again and again, and making a view takes longer than filling it. */
export class ByteViews {
  readonly #bytes: Buffer
  readonly #views: (Buffer | undefined)[]

  /** @param most views of fewer bytes than this are kept */
  constructor(bytes: Buffer, most: number) {
    this.#bytes = bytes
    this.#views = Array.from({ length: most }, () => undefined)
  }

  of(length: number): Buffer {
    if (length >= this.#views.length) return this.#bytes.subarray(0, length)
    return (this.#views[length] ??= this.#bytes.subarray(0, length))
  }
}
