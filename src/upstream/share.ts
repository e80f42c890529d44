/**
 * How much of what is scarce one client may have, so that somebody else finds some of it: at most three times as much as
 * is left free. Such a threshold moves by itself (dynamic thresholds, Choudhury and Hahne 1998): one client alone gets
 * three quarters, two get three sevenths each, and 85 fill 256 places but for one. A share that is fixed would have to
 * be guessed, and would leave more unused the fewer clients there are.
 *
 * What it keeps free is for those who hold little: who is slow on purpose, with however many requests, takes no more than
 * his share from them, and needs as many addresses, or identities, as there are shares to take all.
 */
const TIMES_WHAT_IS_FREE = 3

/** Whether a client that holds so many may have one more of those that are free. */
export function withinShare(held: number, free: number): boolean {
  return held < TIMES_WHAT_IS_FREE * free
}
