-- KEYS: keys to delete. ARGV: for each how its content is taken (nothing: it cannot be; 'any': it may be anything), the command that counts its
-- elements, their number, and the digest.
-- Gives one number per key: 1 where it was deleted, 0 where there is none, -1 where it does not hold what it held.
local answers = {}
for i, key in ipairs(KEYS) do
  local how, count, elements, digest = ARGV[4 * i - 3], ARGV[4 * i - 2], ARGV[4 * i - 1], ARGV[4 * i]
  if redis.call('EXISTS', key) == 0 then
    answers[i] = 0
  elseif how == 'any' or how ~= '' and content(key, how, count, elements) == digest then
    answers[i] = redis.call('UNLINK', key)
  else
    answers[i] = -1
  end
end
return answers
