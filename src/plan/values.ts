/** What limits, bans and templates take out of a request. */

/** One of `by`'s words. Those with a name: header cookie query path host claim attribute. */
export type KeyPart =
  | { kind: 'ip' | 'caller' | 'consumer' | 'credential' | 'route' | 'service' | 'host' | 'path' | 'all' }
  | { kind: 'header' | 'cookie' | 'query' | 'path-name' | 'host-name' | 'claim' | 'attribute'; name: string }

/** Text with values in it: a string is literal; a KeyPart is looked up; `rest` is what `/*` took. */
export type Template = (string | KeyPart | { kind: 'rest' })[]
