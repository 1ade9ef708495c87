/**
 * ARGV: increment, seconds of a new window. Returns the count and the milliseconds left. A refund never goes below zero: after
 * the end of the window it would start a new one that allows more than the limit.
 */
export const COUNT = `
if tonumber(ARGV[1]) < 0 and tonumber(redis.call('GET', KEYS[1]) or 0) <= 0 then return {0, 0} end
redis.call('SET', KEYS[1], 0, 'EX', ARGV[2], 'NX')
local count = redis.call('INCRBY', KEYS[1], ARGV[1])
return {count, redis.call('PTTL', KEYS[1])}`;
