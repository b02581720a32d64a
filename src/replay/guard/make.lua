-- KEYS: a key that is made again. ARGV: the command; how much of the value must be there already (bytes, elements or
-- fields; 0: there must be no key; for a field's expiry the field's value); what follows the key in the command.
-- Gives what the command answers, also where it was carried out before; KEPT where the key is somebody else's.
local key, verb, there = KEYS[1], ARGV[1], ARGV[2]
local rest = {unpack(ARGV, 3)}
local function asked(...)
  local answer = redis.pcall(...)
  return type(answer) == 'table' and answer.err and -1 or answer
end
local function run() return redis.call(verb, key, unpack(rest)) end
local kept = redis.status_reply('KEPT')
local absent = redis.call('EXISTS', key) == 0

if verb == 'HPEXPIREAT' then
  local field = rest[4]
  if asked('HGET', key, field) ~= there then return kept end
  local expires = redis.call('HPEXPIRETIME', key, 'FIELDS', 1, field)[1]
  if expires == -1 then return run() end
  return expires == tonumber(rest[1]) and {1} or kept
end
there = tonumber(there)
if there == 0 and absent then return run() end
if verb == 'SET' then
  return asked('STRLEN', key) == #rest[1] and redis.call('GET', key) == rest[1] and redis.status_reply('OK') or kept
elseif verb == 'APPEND' then
  local size = asked('STRLEN', key)
  if size == there then return run() end
  return size == there + #rest[1] and redis.call('GETRANGE', key, there, -1) == rest[1] and size or kept
elseif verb == 'RPUSH' then
  local size = asked('LLEN', key)
  if size == there and there > 0 then return run() end
  if size ~= there + #rest then return kept end
  for i, value in ipairs(redis.call('LRANGE', key, there, -1)) do
    if value ~= rest[i] then return kept end
  end
  return size
elseif verb == 'HSET' then
  local size = asked('HLEN', key)
  local ours, theirs = 0, 0
  if size < there then return kept end
  for i = 1, #rest, 2 do
    local value = redis.call('HGET', key, rest[i])
    if value == rest[i + 1] then ours = ours + 1 elseif value then theirs = theirs + 1 end
  end
  if size == there and there > 0 and ours + theirs == 0 then return run() end
  return size == there + #rest / 2 and ours == #rest / 2 and ours or kept
end
return kept
