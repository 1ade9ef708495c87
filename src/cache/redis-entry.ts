// An entry in Redis is a JSON string: `lease:<id>`, `lock:<id>` or `<VALUE_KIND>:<generation>:<signed JSON>`.

/** Holds the current generation, a random string. Deleting it voids every cached value and every write in flight. */
export const GENERATION_KEY = 'user:cache:generation';

/** Names the version of cached values. Raise it when the fields of a cached profile or of preferences change. */
export const VALUE_KIND = 'value.v3';

export const valuePrefix = (generation: string) => `${VALUE_KIND}:${generation}:`;

const READ_GENERATION = `
redis.call('SETNX', KEYS[2], ARGV[3])
local generation = redis.call('GET', KEYS[2])`;

/** ARGV: lease, its TTL, a generation if there is none. Returns the generation, or nil where the entry is in use. */
export const ACQUIRE_LEASE = `${READ_GENERATION}
local held = redis.call('GET', KEYS[1]) or ''
local current = '"${VALUE_KIND}:' .. generation .. ':'
for _, prefix in ipairs({'"lease:', '"lock:', current}) do
  if string.sub(held, 1, #prefix) == prefix then return nil end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return generation`;

/** ARGV: own lease, value, its TTL. */
export const SET_WITH_LEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end`;

/** ARGV: lock, its TTL, a generation if there is none. Returns the generation. */
export const LOCK_FOR_WRITE = `${READ_GENERATION}
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return generation`;

/** ARGV: value or an empty string, its TTL, the TTL of a lock, own locks. Another writer's lock becomes contested. */
export const COMMIT_WRITE = `
local own = {}
for index = 4, #ARGV do own[ARGV[index]] = true end
for _, key in ipairs(KEYS) do
  local held = redis.call('GET', key)
  if held and own[held] and ARGV[1] ~= '' then
    redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
  elseif held and not own[held] and string.sub(held, 1, 6) == '"lock:' then
    redis.call('SET', key, '"lock:"', 'PX', ARGV[3])
  elseif held then
    redis.call('DEL', key)
  end
end`;
