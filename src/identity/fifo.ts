/** A doubly linked list whose items can leave from the middle in one step; allocates nothing but the links. */
export interface Link<T> {
  readonly item: T
  before: Link<T> | null
  after: Link<T> | null
}

export function link<T>(item: T): Link<T> {
  return { item, before: null, after: null }
}

/** First in, first out. A link is in one list at a time: remove it before pushing it elsewhere. */
export class Fifo<T> {
  #first: Link<T> | null = null
  #last: Link<T> | null = null

  /** The oldest, or null when empty. */
  get first(): T | null {
    return this.#first === null ? null : this.#first.item
  }

  push(link: Link<T>): void {
    link.before = this.#last
    link.after = null
    if (this.#last === null) this.#first = link
    else this.#last.after = link
    this.#last = link
  }

  remove(link: Link<T>): void {
    if (link.before === null) this.#first = link.after
    else link.before.after = link.after
    if (link.after === null) this.#last = link.before
    else link.after.before = link.before
    link.before = null
    link.after = null
  }
}
