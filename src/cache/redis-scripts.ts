import { VALUE_KIND } from './redis-entry.js';

/*
 * One entry in Redis is a JSON string: `lease:<id>`, `claim:<id>`, or `<VALUE_KIND>:<mark>:<signed JSON>`. A value counts while its mark is
 * the one at MARK_KEY; a new mark voids everything cached before, at the cost of one key. Scripts are atomic in Redis.
 */

/** ARGV: lease, its time to live, a mark in case there is none. Gives the mark, or nothing where the entry is in use. */
export const LEASE = `
local mark = redis.call('GET', KEYS[2])
if not mark or #mark ~= 38 then
  mark = ARGV[3]
  redis.call('SET', KEYS[2], mark)
end
local held = redis.call('GET', KEYS[1])
if held then
  local kind = string.sub(held, 2, 7)
  local current = '"${VALUE_KIND}:' .. string.sub(mark, 2, -2) .. ':'
  if kind == 'lease:' or kind == 'claim:' or string.sub(held, 1, #current) == current then return nil end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return mark`;

/** ARGV: the own lease, value, its time to live. */
export const SET_WITH_LEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end`;

/** ARGV: claim, its time to live, a mark in case there is none. Gives the mark. */
export const LOCK_FOR_WRITE = `
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local mark = redis.call('GET', KEYS[2])
if not mark or #mark ~= 38 then
  mark = ARGV[3]
  redis.call('SET', KEYS[2], mark)
end
return mark`;

/**
 * ARGV: value or nothing, its time to live, that of a claim, the own claims. Where another writer's claim stands, nobody knows
 * whose change is the newer: it becomes nobody's, so that neither fills the entry.
 */
export const COMMIT_WRITE = `
local own = {}
for place = 4, #ARGV do own[ARGV[place]] = true end
for _, key in ipairs(KEYS) do
  local held = redis.call('GET', key)
  if held and own[held] and ARGV[1] ~= '' then
    redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
  elseif held and not own[held] and string.sub(held, 2, 7) == 'claim:' then
    redis.call('SET', key, '"claim:"', 'PX', ARGV[3])
  elseif held then
    redis.call('DEL', key)
  end
end`;
