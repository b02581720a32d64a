-- KEYS: a hash or a string. ARGV: the command (HSET, HDEL or SET); then for each edit: what must be there ('any', 'absent',
-- 'is', or 'either': that or nothing), that value, the field (nothing of a string), the value that it gets.
-- Gives one number per edit: 1 where it was made, 0 where it is in place already, -2 where something else is there.
local key, verb = KEYS[1], ARGV[1]
local answers = {}
for i = 2, #ARGV, 4 do
  local must, was, field, value = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local now
  if verb == 'SET' then now = redis.pcall('GET', key) else now = redis.pcall('HGET', key, field) end
  local answer = -2
  if type(now) == 'table' then
    -- A key of another type is somebody else's.
    if not string.find(now.err, 'WRONGTYPE', 1, true) then return now end
  elseif (verb == 'HDEL' and not now) or (verb ~= 'HDEL' and now == value) then
    answer = 0
  elseif must == 'any' or (not now and must ~= 'is') or (now == was and must ~= 'absent') then
    if verb == 'SET' then
      answer = redis.call('SET', key, value, 'XX', 'KEEPTTL') and 1 or -2
    elseif verb == 'HSET' then
      redis.call('HSET', key, field, value)
      answer = 1
    else
      answer = redis.call('HDEL', key, field)
    end
  end
  answers[#answers + 1] = answer
end
return answers
