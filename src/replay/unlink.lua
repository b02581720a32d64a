-- KEYS: keys to delete. ARGV: of each its type, and the command that counts its elements (or nothing) and their number.
-- Gives a number a key: 1 where it was deleted, 0 where there is none, -1 where it is not as it was.
local answers = {}
for i, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key)
  kind = type(kind) == 'table' and kind.ok or kind
  local wanted, count, elements = ARGV[3 * i - 2], ARGV[3 * i - 1], tonumber(ARGV[3 * i])
  if kind == 'none' then
    answers[i] = 0
  elseif kind == wanted and (count == '' or redis.call(count, key) == elements) then
    answers[i] = redis.call('UNLINK', key)
  else
    answers[i] = -1
  end
end
return answers
