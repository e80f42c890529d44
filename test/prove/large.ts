/** Configurations as large as a company's: many routes with policies, many consumers with keys. */
export function largeConfiguration(routes: number, url: string, mark: string): string {
  const services = Math.ceil(routes / 100)
  let text = `version: 1
listen: [ { name: plain, address: "127.0.0.1:0", ready: /-/ready } ]
policies:
  limits: [ { name: flood, rate: 1000000/s, by: ip } ]
consumers: [ { file: consumers.jsonl } ]
services:
  - name: front
    url: ${url}
    routes:
      - { name: page, match: { paths: ["/"] }, policies: { auth: public, headers: { response: { set: { x-mark: "${mark}" } } } } }
`
  for (let s = 0; s < services; s++) {
    text += `  - name: s${s}
    url: ${url}
    policies: { auth: { key: { header: x-api-key } }, limits: [ { name: plan, rate: 100/s, by: caller } ] }
    routes:
`
    for (let r = 0; r < 100 && s * 100 + r < routes; r++) {
      text += `      - { name: r${r}, match: { methods: [GET, POST], paths: ["/s${s}/r${r}/{id}", "/s${s}/r${r}/{id}/*"] }, policies: { authorize: [ { groups: [g${r % 10}] }, { when: 'caller.attributes.tenant == "t${r % 50}" && path.id != "x"' } ] } }\n`
    }
  }
  return text
}

export function consumersFile(consumers: number): string {
  let text = ''
  for (let i = 0; i < consumers; i++) {
    const hash = i.toString(16).padStart(64, '0')
    text += `${JSON.stringify({ name: `c${i}`, groups: [`g${i % 10}`], scopes: ['read'], attributes: { tenant: `t${i % 50}` }, keys: [{ id: `k${i}`, hash: `sha256:${hash}` }] })}\n`
  }
  return text
}
