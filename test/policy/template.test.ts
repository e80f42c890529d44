import t from 'tap'
import type { Template } from '../../src/plan/values.ts'
import { isClientChosen, prepareTemplate, render } from '../../src/policy/template.ts'
import { requestView, type ViewParts } from './view.ts'

const VIEW: ViewParts = {
  rest: 'a/b%20c',
  path: '/x/a%2Fb',
  query: 'q=%3Cscript%3E',
  headers: [['x-a', 'v,w']],
  pathParams: { id: 'a%2Fb' },
  caller: { consumer: 'acme', claims: { tenant: 'Zoë\r\nx: y' } }
}
const make = (template: Template, place: 'header' | 'component') =>
  render(prepareTemplate(template, place), requestView(VIEW))

t.test('into a header nothing goes that could end it', async (t) => {
  t.equal(make([{ kind: 'claim', name: 'tenant' }], 'header'), 'Zo%C3%AB%0D%0Ax:%20y')
  t.equal(make(['t=', { kind: 'header', name: 'x-a' }, '; c=', { kind: 'consumer' }], 'header'), 't=v%2Cw; c=acme')
  t.equal(make([{ kind: 'path-name', name: 'id' }], 'header'), 'a/b')
})

t.test('into a path values go encoded, as they came', async (t) => {
  t.equal(make(['/v2/', { kind: 'path-name', name: 'id' }], 'component'), '/v2/a%2Fb')
  t.equal(make(['/new/', { kind: 'rest' }], 'component'), '/new/a/b%20c')
  t.equal(make(['/t/', { kind: 'claim', name: 'tenant' }], 'component'), '/t/Zo%C3%AB%0D%0Ax%3A%20y')
  t.equal(make(['<p>', { kind: 'query', name: 'q' }], 'component'), '<p>%3Cscript%3E')
})

t.test('absent values leave nothing', async (t) => {
  t.equal(make(['a', { kind: 'claim', name: 'none' }, 'b', { kind: 'credential' }], 'header'), 'ab')
  t.equal(make([], 'header'), '')
})

t.test('the caller’s text', async (t) => {
  t.equal(make([{ kind: 'caller' }], 'header'), 'acme')
  const template = prepareTemplate([{ kind: 'caller' }], 'header')
  t.equal(render(template, requestView({ caller: { issuer: 'corp', subject: 'u1' } })), 'corp:u1')
  t.equal(render(template, requestView({ clientIp: '192.0.2.7' })), '192.0.2.7')
})

t.test('a control character in a header’s literal is an error, non-ASCII goes as UTF-8 bytes', async (t) => {
  t.throws(() => prepareTemplate(['a\r\nx: y'], 'header'), /control characters/)
  t.equal(make(['é'], 'header'), '\xc3\xa9')
  t.equal(make(['a\nb'], 'component'), 'a\nb', 'bodies may have lines')
})

t.test('what a client chooses', async (t) => {
  t.equal(isClientChosen(['x', { kind: 'header', name: 'x' }]), true)
  t.equal(isClientChosen([{ kind: 'rest' }]), true)
  t.equal(isClientChosen(['x', { kind: 'claim', name: 'x' }, { kind: 'ip' }]), false)
})
