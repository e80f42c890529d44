/**
 * What runs inside the store, atomically (Lua; Redis 7 or Valkey). Time is the store's own: one clock for all hosts, so
 * that no skew between theirs matters. It is counted in microseconds since 2026, and every amount of time is a multiple of
 * 1/16 µs: sums of such are exact in a double until 2043, so a burst is, too.
 *
 * A key's state, by kind:
 *   r  rate: a text, the theoretical arrival time (memory/limit-table.ts)
 *   s  sliding window: a hash of the window's number `w`, its units `c`, those of the one before `p`, and all ever `t`
 *   q  quota: a text, the units of its period, which the key names
 * Every key has a time to live: until its state says no more than no state would.
 *
 * What somebody else wrote at a key, of another type or no number, counts as no state and gives way: a script that fails on
 * one key would cost all hosts everything that they share.
 */
export interface Script {
  readonly name: string
  readonly text: string
  /** Whether the store, and not something else at its address, may have answered so. */
  fits(answer: unknown, keys: number): boolean
}

const CLOCK = `
local time = redis.call('TIME')
local now = (time[1] - 1767225600) * 1000000 + time[2]
local function text(x) return string.format('%.4f', x) end
local function amount(x)
  local n = tonumber(x or 0) or 0
  return n >= 0 and n < 1e18 and n or 0
end
local function number(key)
  local held = redis.pcall('GET', key)
  return type(held) == 'table' and 0 or amount(held)
end
local function window(key, period)
  local number = math.floor(now / period)
  local held = redis.pcall('HMGET', key, 'w', 'c', 'p', 't')
  if held.err then redis.call('DEL', key); held = {} end
  local w, c, p, t = amount(held[1] or number), amount(held[2]), amount(held[3]), amount(held[4])
  if w == number - 1 then p, c = c, 0 elseif w ~= number then p, c = 0, 0 end
  local elapsed = now - number * period
  return number, c, p, t, elapsed, math.ceil(p * (period - elapsed) / period)
end
local function keep(key, number, c, p, t, period)
  redis.call('HSET', key, 'w', text(number), 'c', text(c), 'p', text(p), 't', text(t))
  redis.call('PEXPIRE', key, math.ceil(2 * period / 1000) + 1000)
end
`

/**
 * Adds what hosts admitted. For each key four arguments: kind; what to add; what there must be at least after that; the
 * window's length in µs, or the end of the quota's period in ms. A rate's amounts are µs of debt.
 * Answers with the time, and for each key what there was before, what there is now, and how full that is.
 */
export const EXCHANGE: Script = {
  name: 'exchange',
  fits: (answer, keys) => isList(answer) && answer.length === 1 + 3 * keys && answer.every(isNumber),
  text: `${CLOCK}
local out = { text(now) }
for i, key in ipairs(KEYS) do
  local a = (i - 1) * 4
  local kind, add, least, period = ARGV[a + 1], tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4])
  local before, after, level
  if kind == 'r' then
    before = math.max(number(key), now)
    after = math.max(before + add, now + least)
    level = after - now
    if after > before then redis.call('SET', key, text(after), 'PX', math.ceil(level / 1000) + 1000) end
  elseif kind == 's' then
    local number, c, p, t, elapsed, weight = window(key, period)
    before = t
    local more = math.max(add, least - weight - c)
    if more > 0 then keep(key, number, c + more, p, t + more, period) else more = 0 end
    after = t + more
    level = weight + c + more
  else
    before = number(key)
    after = math.max(before + add, least)
    level = after
    if after > before then redis.call('SET', key, text(after), 'PXAT', ARGV[a + 4]) end
  end
  out[#out + 1] = text(before)
  out[#out + 1] = text(after)
  out[#out + 1] = text(level)
end
return out`
}

/**
 * Decides on one request and charges it if it is admitted. Arguments: kind; its cost; the most there may be; as in
 * EXCHANGE. Answers with 1 or 0, and then: of a rate the µs until it is full again; of a window the units before, in it,
 * the µs since it began, and how many of those before still count; of a quota the units.
 */
export const TAKE: Script = {
  name: 'take',
  fits: (answer) =>
    isList(answer) && (answer[0] === 0 || answer[0] === 1) && answer.length > 1 && answer.every(isNumber),
  text: `${CLOCK}
local key, kind, cost, most, period = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if kind == 'r' then
  local tat = math.max(number(key), now)
  if tat + cost - now > most then return { 0, text(tat - now) } end
  redis.call('SET', key, text(tat + cost), 'PX', math.ceil((tat + cost - now) / 1000) + 1000)
  return { 1, text(tat + cost - now) }
elseif kind == 's' then
  local number, c, p, t, elapsed, weight = window(key, period)
  if weight + c + cost > most then return { 0, text(p), text(c), text(elapsed), text(weight) } end
  keep(key, number, c + cost, p, t + cost, period)
  return { 1, text(p), text(c + cost), text(elapsed), text(weight) }
end
local used = number(key)
if used + cost > most then return { 0, text(used) } end
redis.call('SET', key, text(used + cost), 'PXAT', ARGV[4])
return { 1, text(used + cost) }`
}

/** Whether the store answers and may be written to; the argument is what keys are hashed with if nobody has left anything. */
export const GREET: Script = {
  name: 'greet',
  fits: (answer) => typeof answer === 'string' && /^[0-9a-f]{32}$/.test(answer),
  text: `
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])`
}

/** A set of which a key is something else begins anew: hosts put in what they hold. */
const SOUND = `
for i, kind in ipairs({ 'hash', 'zset', 'stream' }) do
  local found = redis.call('TYPE', KEYS[i]).ok
  if found ~= 'none' and found ~= kind then redis.call('DEL', unpack(KEYS)); break end
end
`

/** Most that a set holds, and changes that are remembered in order. */
const MOST_ITEMS = 100_000
const MOST_CHANGES = 10_000

/**
 * Puts items into a set that all hosts read. Keys: the items by id, when each ends, the changes in order. Arguments: time
 * in ms, then for each its id, when it ends in ms, and what it says. One that ends sooner gives way where there are too many.
 */
export const PUBLISH: Script = {
  name: 'publish',
  fits: (answer) => typeof answer === 'number',
  text: `${SOUND}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ended = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 1000)
for _, id in ipairs(ended) do redis.call('HDEL', KEYS[1], id); redis.call('ZREM', KEYS[2], id) end
for i = 1, #ARGV, 3 do
  local id, ends, item = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  redis.call('HSET', KEYS[1], id, item)
  redis.call('ZADD', KEYS[2], ends, id)
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ${MOST_CHANGES}, '*', 'id', id, 'item', item)
end
local over = redis.call('ZCARD', KEYS[2]) - ${MOST_ITEMS}
if over > 0 then
  local first = redis.call('ZPOPMIN', KEYS[2], over)
  for i = 1, #first, 2 do redis.call('HDEL', KEYS[1], first[i]) end
end
local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
if last[2] then for _, key in ipairs(KEYS) do redis.call('PEXPIREAT', key, string.format('%.0f', last[2] + 60000)) end end
return #ended`
}

/**
 * What changed in such a set. Argument: the last change known, or '' for none. Answers with the last change there is and
 * the items changed since; or with 'all' where the known one is not among them: they don't reach back so far, or are those
 * of an older copy of the store, which lacks what came after it.
 */
export const CHANGES: Script = {
  name: 'changes',
  fits: (answer) => isList(answer) && answer.length > 1,
  text: `${SOUND}
local last = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)[1]
local newest = last and last[1] or '0-0'
if ARGV[1] == newest then return { newest, 'same' } end
local known = ARGV[1] ~= '' and redis.call('XRANGE', KEYS[3], ARGV[1], ARGV[1])[1]
if not known then return { newest, 'all' } end
local out = { newest, 'some' }
for _, entry in ipairs(redis.call('XRANGE', KEYS[3], '(' .. ARGV[1], '+', 'COUNT', 1000)) do
  out[1] = entry[1]
  out[#out + 1] = entry[2][2] or ''
  out[#out + 1] = entry[2][4] or ''
end
return out`
}

/** A page of such a set. Argument: where the last one ended, '0' at first. Answers with where this one ends, then ids and items. */
export const PAGE: Script = {
  name: 'page',
  fits: (answer) => isList(answer) && answer.length > 0,
  text: `${SOUND}
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', 500)
local out = { page[1] }
for _, x in ipairs(page[2]) do out[#out + 1] = x end
return out`
}

function isList(answer: unknown): answer is readonly unknown[] {
  return Array.isArray(answer)
}

/** A whole number, or one of CLOCK's texts. */
function isNumber(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && /^-?\d{1,20}(?:\.\d{4})?$/.test(value))
}
