/**
 * How long a test waits for what is to come about before it says that it did not, ms. Far longer than anything takes:
 * on a machine with other things to do a moment can be seconds, and where all is well nobody waits for it.
 */
export const PATIENCE = 30_000
