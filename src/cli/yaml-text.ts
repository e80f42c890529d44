/** A text as it may stand in YAML: a JSON string is a YAML double-quoted scalar; plain words stay plain. */
export function quoted(text: string): string {
  return /^[A-Za-z][A-Za-z0-9_-]*$/.test(text) && !/^(true|false|null|yes|no|on|off)$/i.test(text)
    ? text
    : JSON.stringify(text)
}
