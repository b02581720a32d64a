-- What a key holds, as one digest. `how` is how it is taken: a type, 'dump' for what DUMP gives without its version and
-- checksum, or 'document'. `count` and `elements` are asked first, so that a key that has grown is not read.
local function exact(text)
  if text == 'inf' or text == '-inf' then return text end
  local score = tonumber(text)
  if score == 0 then return '0:0' end
  local fraction, exponent = math.frexp(score)
  return string.format('%.0f:%d', fraction * 9007199254740992, exponent)
end

-- By numbers: strings would be compared as the server's locale says.
local function before(a, b)
  for i = 1, 40, 10 do
    local x, y = tonumber(string.sub(a, i, i + 9), 16), tonumber(string.sub(b, i, i + 9), 16)
    if x ~= y then return x < y end
  end
  return false
end

local function content(key, how, count, elements)
  local kind = redis.call('TYPE', key)
  kind = type(kind) == 'table' and kind.ok or kind
  if how == 'document' then
    if kind ~= 'ReJSON-RL' then return nil end
    return redis.sha1hex(redis.call('JSON.GET', key, '$') or '')
  elseif how == 'dump' then
    local found = redis.pcall('DUMP', key)
    if type(found) ~= 'string' then return nil end
    return redis.sha1hex(string.sub(found, 1, -11))
  elseif kind ~= how or redis.call(count, key) ~= tonumber(elements) then
    return nil
  end
  local parts = {}
  if how == 'string' then
    return redis.sha1hex(redis.call('GET', key))
  elseif how == 'list' then
    for i, value in ipairs(redis.call('LRANGE', key, 0, -1)) do parts[i] = #value .. ':' .. value end
    return redis.sha1hex(table.concat(parts))
  elseif how == 'set' then
    for i, member in ipairs(redis.call('SMEMBERS', key)) do parts[i] = redis.sha1hex(member) end
  elseif how == 'hash' then
    local found = redis.call('HGETALL', key)
    for i = 1, #found, 2 do parts[#parts + 1] = redis.sha1hex(#found[i] .. ':' .. found[i] .. found[i + 1]) end
  elseif how == 'zset' then
    local found = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    for i = 1, #found, 2 do parts[#parts + 1] = redis.sha1hex(exact(found[i + 1]) .. ':' .. found[i]) end
  end
  table.sort(parts, before)
  return redis.sha1hex(table.concat(parts))
end
