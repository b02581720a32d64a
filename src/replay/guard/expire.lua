-- KEYS: a key that was made again. ARGV: the time at which it expires, and its content, as for a deletion.
-- Gives 1 where it expires then; KEPT where it does not hold what was made, or somebody gave it another expiry.
local key, at = KEYS[1], tonumber(ARGV[1])
local kept = redis.status_reply('KEPT')
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
-- Its time was over: it expired as it was made to.
if redis.call('EXISTS', key) == 0 then return at <= now and 1 or kept end
local left = redis.call('PTTL', key)
if left ~= -1 then return math.abs(now + left - at) < 1000 and 1 or kept end
if ARGV[2] == '' or content(key, ARGV[2], ARGV[3], ARGV[4]) ~= ARGV[5] then return kept end
return redis.call('PEXPIREAT', key, ARGV[1])
