/** How long an owner's word waits for the disk, ms: it holds in memory already. */
const DISK_PATIENCE = 5_000

/** '' once what was flushed outlives a restart; else why it may not, and it is tried on. @param flush of the store */
export async function whyNotKept(flush: Promise<string | null>): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`the disk did not take it within ${DISK_PATIENCE} ms`), DISK_PATIENCE)
  })
  const reason = await Promise.race([flush, late])
  clearTimeout(timer)
  return reason ?? ''
}
