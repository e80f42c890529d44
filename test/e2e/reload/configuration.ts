/** The smallest configuration that says which generation answered. */
export interface Said {
  body?: string
  listen?: string
  state?: string
  more?: string
  routes?: string
  services?: string
}

export function configuration({ body = 'one', listen, state, more, routes, services }: Said = {}): string {
  return `version: 1
listen:
  - ${listen ?? '{ name: plain, address: "127.0.0.1:0", ready: /-/ready }'}
${state === undefined ? '' : `state: { dir: ${state} }\n`}${more ?? ''}
services:
${
  services ??
  `  - name: front
    url: http://127.0.0.1:9
    routes:
      - { name: page, match: { paths: ["/"] }, respond: { status: 200, body: "${body}" }, policies: { auth: public } }
`
}${routes ?? ''}`
}
