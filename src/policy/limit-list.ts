/**
 * `RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers-10: lists of strings with parameters, as
 * RFC 9651 (sections 3.1 and 3.3) writes them. A field's lines are read as one list, so one line that is none makes
 * clients discard all of them (section 4.2).
 */
// Each repetition begins with a character that nothing before it can take, so the time is linear.
const STRING = /"(?:[ !#-[\]-~]|\\["\\])*"/y
const KEY = /; *[a-z*][a-z0-9_.*-]*/y
/** A number, a token, bytes or a boolean. */
const OTHER = /-?\d{1,12}(?:\.\d{1,3}|\d{0,3})|[A-Za-z*][\w!#$%&'*+.^|~:/`-]*|:[A-Za-z0-9+/]*={0,2}:|\?[01]/y
const BETWEEN = /[ \t]*,[ \t]*/y

/** Whether a line of one of the two fields can stand in a list with others. */
export function isLimitList(line: string): boolean {
  const value = line.trim()
  let at = itemEnd(value, 0)
  while (at >= 0 && at < value.length) at = itemEnd(value, behind(BETWEEN, value, at))
  return at >= 0
}

/** The offset behind the string and its parameters that begin there, or -1; -1 for -1. */
function itemEnd(value: string, start: number): number {
  let at = behind(STRING, value, start)
  while (value[at] === ';') {
    at = behind(KEY, value, at)
    if (value[at] === '=') at = behind(value[at + 1] === '"' ? STRING : OTHER, value, at + 1)
  }
  return at
}

/** The offset behind what a sticky pattern takes there, or -1; -1 for -1. */
function behind(pattern: RegExp, value: string, start: number): number {
  if (start < 0) return -1
  pattern.lastIndex = start
  return pattern.test(value) ? pattern.lastIndex : -1
}
