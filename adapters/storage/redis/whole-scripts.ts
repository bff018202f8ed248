/**
 * The Lua for one server: a record, the tombstone of its grant and its groups in one script, so that a call of the port is
 * one command and nothing has to be undone. The keys are those of the scripts for a cluster: both read the same data.
 *
 * Only the record's key is given: which grant and index it has, the script finds in it. A cluster, and some servers
 * that speak Redis's protocol, refuse that; {@link MAY_SPAN} asks.
 */
import { GROUPS, RECORDS, script } from './scripts.ts';

/**
 * ARGV: now, the length of what stands behind the prefix in KEYS[1]. What the client itself puts in front of keys is part
 * of the prefix here.
 */
const WHOLE_RECORD = `${RECORDS}
local prefix = string.sub(KEYS[1], 1, #KEYS[1] - tonumber(ARGV[2]))
local address = string.sub(KEYS[1], #prefix + #'record:' + 1)

-- As JavaScript's encodeURIComponent.
local function encoded(text)
  return (string.gsub(text, "[^%w%-_%.!~%*'%(%)]", function(byte)
    return string.format('%%%02X', string.byte(byte))
  end))
end

local function grantKey(grant, what)
  return prefix .. '{grant:' .. encoded(cjson.decode('[' .. grant .. ']')[1]) .. '}:' .. what
end

local function isBuried(grant)
  local tombstone = grant ~= '' and redis.call('GET', grantKey(grant, 'tombstone'))
  return tombstone and isLive(tombstone)
end

if isThere and isBuried(grant) then isThere = false end
`;

const WHOLE_GROUPS = `${WHOLE_RECORD}${GROUPS}
local function eachGroup(version, grant, index, visit)
  if grant ~= '' then visit({grantKey(grant, 'members')}, address .. '\\0' .. version) end
  if index == '' then return end
  local kind, id = string.match(address, '^([^:]*):(.*)$')
  for name, value in pairs(cjson.decode(index)) do
    local group = prefix .. '{index:' .. kind .. ':' .. encoded(name) .. ':' .. encoded(value) .. '}:'
    visit({group .. 'by-expiry', group .. 'by-id'}, id .. '\\0' .. version)
  end
end

local function leave(group, member)
  for _, key in ipairs(group) do redis.call('ZREM', key, member) end
  renew(group)
end
`;

export const READ_WHOLE = script(`${WHOLE_RECORD}
return isThere and record
`);

/**
 * ARGV: now, the length, how (put, create or replace), the version that replace expects, then the new value, version,
 * expiry, grant and index. Returns whether it wrote.
 */
export const WRITE_WHOLE = script(`${WHOLE_GROUPS}
local how, expected = ARGV[3], ARGV[4]
local newValue, newVersion, newExpires, newGrant, newIndex = unpack(ARGV, 5)

-- The client has sent this write twice, having lost the answer to the first.
if version == newVersion then return 1 end

if isBuried(newGrant) then return 0 end
if how == 'create' and isThere then return 0 end
if how == 'replace' and not (isThere and version == expected) then return 0 end

-- First what a server without memory refuses: nothing has happened then.
save(KEYS[1], newValue, newVersion, how == 'replace' and consumed or '', newExpires, newGrant, newIndex)
eachGroup(newVersion, newGrant, newIndex, function(group, member) enter(group, member, newExpires) end)
if version then eachGroup(version, grant, index, leave) end
return 1
`);

/** ARGV: now, the length, the consumption. Returns the port's answer. */
export const CONSUME_WHOLE = script(`${WHOLE_RECORD}
if not isThere then return 'missing' end
if consumed == '' then
  redis.call('HSET', KEYS[1], 'consumed', ARGV[3])
  return 'consumed'
end
-- The same call when the client has sent it twice, having lost the answer to the first.
return consumed == ARGV[3] and 'consumed' or 'already'
`);

/** ARGV: now, the length, and `live` where only a live record shall go. Returns what was there. */
export const REMOVE_WHOLE = script(`${WHOLE_GROUPS}
if not version or (ARGV[3] == 'live' and not isThere) then return false end
redis.call('DEL', KEYS[1])
eachGroup(version, grant, index, leave)
return record
`);

/** KEYS: records. ARGV: now, the length of the first one. Returns each record, false where none is there. */
export const READ_SEVERAL = script(`${WHOLE_RECORD}
local answer = {isThere and record}
for place = 2, #KEYS do
  local row = load(KEYS[place])
  answer[place] = row[2] and isLive(row[4]) and not isBuried(row[5]) and row
end
return answer
`);

/**
 * KEYS: records, the deciding one first. ARGV: now, its length, how (create or use), the version that use expects, the
 * consumption, then for each record the new value, version, expiry, grant and index. Returns whether it wrote.
 */
export const COMMIT_WHOLE = script(`${WHOLE_GROUPS}
local how, expected, consumption = ARGV[3], ARGV[4], ARGV[5]

local function given(place)
  return unpack(ARGV, 1 + 5 * place, 5 + 5 * place)
end

-- The client has sent this twice, having lost the answer to the first.
local _, decidingVersion = given(1)
if version == decidingVersion then return 1 end

for place = 1, #KEYS do
  local _, _, _, newGrant = given(place)
  if isBuried(newGrant) then return 0 end
end
if how == 'create' and isThere then return 0 end
if how == 'use' and not (isThere and version == expected and consumed == '') then return 0 end

for place, key in ipairs(KEYS) do
  local newValue, newVersion, newExpires, newGrant, newIndex = given(place)
  local _, oldVersion, _, _, oldGrant, oldIndex = unpack(load(key))
  address = string.sub(key, #prefix + #'record:' + 1)
  save(key, newValue, newVersion, place == 1 and consumption or '', newExpires, newGrant, newIndex)
  eachGroup(newVersion, newGrant, newIndex, function(group, member) enter(group, member, newExpires) end)
  if oldVersion then eachGroup(oldVersion, oldGrant, oldIndex, leave) end
end
return 1
`);

/** KEYS: two of different slots. Fails where a script may not use such keys together, or one that it was not given. */
export const MAY_SPAN = script(`
return redis.call('EXISTS', KEYS[1], KEYS[2], KEYS[1] .. '{of another slot}')
`);
