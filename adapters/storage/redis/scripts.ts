/**
 * The Lua of {@link redisStorage}: one script for each step of the port that must be atomic. Each touches the keys it is
 * given, all in one slot, and nothing else; the present is always its first argument, since the server's clock is not
 * the caller's.
 */
import { createHash } from 'node:crypto';

export interface Script {
  readonly text: string;
  /** By which the server knows it. */
  readonly sha1: string;
}

/**
 * Times stay texts on their way through, since Lua's numbers print fewer digits than they have. '' and 'inf' never come.
 *
 * `expire` lets Redis remove a key when it is no longer needed; whether something has expired says the caller's clock. It
 * counts from now on, so a server whose clock is ahead removes nothing early, and never fails, since what a script has
 * written before an error stays.
 */
const TIMES = `
local now = tonumber(ARGV[1])

local function isLive(ends)
  return ends == '' or tonumber(ends) > now
end

local function expire(key, ends)
  local milliseconds = (ends == '' or ends == 'inf') and math.huge or math.ceil((tonumber(ends) - now) * 1000)
  if milliseconds < 1e14 then
    redis.call('PEXPIRE', key, string.format('%.0f', math.max(milliseconds, 0)))
  else
    redis.call('PERSIST', key)
  end
end
`;

/** See {@link Row}. */
export const RECORDS = `${TIMES}
local function load(key)
  return redis.call('HMGET', key, 'value', 'version', 'consumed', 'expires', 'grant', 'index')
end

local function save(key, value, version, consumed, expires, grant, index)
  redis.call('HSET', key, 'value', value, 'version', version, 'consumed', consumed, 'expires', expires,
    'grant', grant, 'index', index)
  expire(key, expires)
end

local record = load(KEYS[1])
local value, version, consumed, expires, grant, index = unpack(record)
local isThere = version and isLive(expires)
`;

export const READ = script(`${RECORDS}
return isThere and record
`);

/**
 * ARGV: now, how (put, create or replace), the version that replace expects, then the new value, version, expiry, grant
 * and index. Returns whether it wrote, and the record that was there; its value only where the write may have to be
 * undone, which is where the grant is another one.
 */
export const WRITE = script(`${RECORDS}
local how, expected = ARGV[2], ARGV[3]
local newValue, newVersion, newExpires, newGrant, newIndex = unpack(ARGV, 4)

-- The client has sent this write twice, having lost the answer to the first.
if version == newVersion then return {1} end

if not (isThere and newGrant ~= '' and newGrant ~= grant) then record[1] = '' end
if how == 'create' and isThere then return {0, record} end
if how == 'replace' and not (isThere and version == expected) then return {0} end

save(KEYS[1], newValue, newVersion, how == 'replace' and consumed or '', newExpires, newGrant, newIndex)
return {1, version and record}
`);

/** ARGV: now, the version to undo, then the fields of the record that was there before, if there was one. */
export const UNDO = script(`${RECORDS}
if version ~= ARGV[2] then return end
if ARGV[3] then
  save(KEYS[1], unpack(ARGV, 3))
else
  redis.call('DEL', KEYS[1])
end
`);

/** ARGV: now, the consumption. Returns the port's answer and the grant. */
export const CONSUME = script(`${RECORDS}
if not isThere then return {'missing', ''} end
if consumed == '' then
  redis.call('HSET', KEYS[1], 'consumed', ARGV[2])
  return {'consumed', grant}
end
-- The same call when the client has sent it twice, having lost the answer to the first.
return {consumed == ARGV[2] and 'consumed' or 'already', grant}
`);

export const TAKE = script(`${RECORDS}
if isThere then redis.call('DEL', KEYS[1]) end
return isThere and record
`);

/** ARGV: now, and the grant where only a record of that grant shall go. Returns what was there, without its value. */
export const DELETE = script(`${RECORDS}
if not version or (ARGV[2] and ARGV[2] ~= grant) then return false end
redis.call('DEL', KEYS[1])
record[1] = ''
return record
`);

/**
 * A group is one or two sorted sets of the same members: the first by expiry, the second, where the order of names
 * matters, by name. It stays as long as its last member, and every new member takes expired ones with it.
 */
export const GROUPS = `
local function renew(group)
  local last = redis.call('ZRANGE', group[1], -1, -1, 'WITHSCORES')
  for _, key in ipairs(group) do expire(key, last[2] or '') end
end

local function enter(group, member, expires)
  for position, key in ipairs(group) do
    redis.call('ZADD', key, position > 1 and 0 or expires == '' and '+inf' or expires, member)
  end
  local expired = redis.call('ZRANGEBYSCORE', group[1], '-inf', ARGV[1], 'LIMIT', 0, 100)
  if #expired > 0 then
    for _, key in ipairs(group) do redis.call('ZREM', key, unpack(expired)) end
  end
  renew(group)
end
`;

/** KEYS: the group. ARGV: now, the member and its expiry. */
export const ENTER = script(`${TIMES}${GROUPS}
enter(KEYS, ARGV[2], ARGV[3])
`);

/** KEYS: the tombstone, the group. ARGV: now, the member and its expiry. Returns 0 where the tombstone stands. */
export const ENTER_GRANT = script(`${TIMES}${GROUPS}
local tombstone = redis.call('GET', KEYS[1])
if tombstone and isLive(tombstone) then return 0 end
enter({KEYS[2]}, ARGV[2], ARGV[3])
return 1
`);

/** KEYS: the group. ARGV: now, members. */
export const LEAVE = script(`${TIMES}${GROUPS}
for _, key in ipairs(KEYS) do redis.call('ZREM', key, unpack(ARGV, 2)) end
renew(KEYS)
`);

/** KEYS: members by name. ARGV: now, the lower bound, how many. */
export const PAGE = script(`
return redis.call('ZRANGEBYLEX', KEYS[1], ARGV[2], '+', 'LIMIT', 0, ARGV[3])
`);

/**
 * KEYS: the tombstone, the group. ARGV: now, the tombstone's end, how many. Returns so many members of the group.
 * Redis keeps a tombstone five minutes longer than asked for, for callers whose clock is behind.
 */
export const BURY = script(`${TIMES}
local ends = ARGV[2]
local earlier = redis.call('GET', KEYS[1])
if earlier and tonumber(earlier) > tonumber(ends) then ends = earlier end
redis.call('SET', KEYS[1], ends)
expire(KEYS[1], string.format('%.17g', tonumber(ends) + 300))
return redis.call('ZRANGE', KEYS[2], 0, ARGV[3] - 1)
`);

/** KEYS: the tombstone. Returns 1 where it stands. */
export const IS_BURIED = script(`${TIMES}
local tombstone = redis.call('GET', KEYS[1])
return tombstone and isLive(tombstone) and 1 or 0
`);

/** ARGV: now, the window in seconds. */
export const INCREMENT = script(`${TIMES}
local ends = redis.call('HGET', KEYS[1], 'ends')
if ends and isLive(ends) then return redis.call('HINCRBY', KEYS[1], 'count', 1) end
ends = string.format('%.17g', now + tonumber(ARGV[2]))
redis.call('HSET', KEYS[1], 'count', 1, 'ends', ends)
expire(KEYS[1], ends)
return 1
`);

/** A write that changes nothing, since a server that only reads cannot serve. */
export const PING = script(`
redis.call('DEL', KEYS[1])
`);

/** Empty where an access list keeps the answer back. */
export const EVICTION_POLICY = script(`
local info = redis.pcall('INFO', 'memory')
return type(info) == 'string' and string.match(info, 'maxmemory_policy:([%a-]+)') or ''
`);

export function script(text: string): Script {
  return { text, sha1: createHash('sha1').update(text).digest('hex') };
}
