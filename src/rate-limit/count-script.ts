/**
 * ARGV: what is added to a count, seconds of a new window. Gives the count and the milliseconds that are left. Taken back is
 * only what stands there: a window that has ended would else begin again below zero, and allow more than the limit.
 */
export const COUNT = `
if tonumber(ARGV[1]) < 0 and tonumber(redis.call('GET', KEYS[1]) or 0) <= 0 then return {0, 0} end
redis.call('SET', KEYS[1], 0, 'EX', ARGV[2], 'NX')
local count = redis.call('INCRBY', KEYS[1], ARGV[1])
return {count, redis.call('PTTL', KEYS[1])}`;
