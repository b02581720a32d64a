-- KEYS: keys that lose entries, and keys that these entries name; below, each by its place.
-- ARGV: how many ways there are to ask a key for its state, and for each its paths and its fields, with their number before
-- them; then for each key: the command, its place (of UNLINK 0), the number of entries, and for each of them what it is (of
-- UNLINK the place of its key), what must be there (HDEL: 'is' and the value, or 'any' and nothing; UNLINK: the content as
-- for a deletion, or 'any' and three times nothing), and the number of checks. Of each check: what is checked, the key's
-- place, and for
--   '-' (there must be no such key) nothing,
--   'f' (there must be no such field) the field,
--   's' (it must be as it was read) the way to ask and the state,
--   'v' (a field must be gone, or as it was read) the field and the digest of its value.
-- Gives one number per entry: 1 where it went, 0 where it was gone already, -1 where what it names is not as it was read,
-- -2 where what it names is there, or where the entry is not what it was.
local at = 0
local function take()
  at = at + 1
  return ARGV[at]
end
local function list()
  local items = {}
  for i = 1, tonumber(take()) do items[i] = take() end
  return items
end
local ways = {}
for i = 1, tonumber(take()) do ways[i] = {list(), list()} end

local function state(key, way)
  local paths, fields = way[1], way[2]
  local kind = redis.call('TYPE', key)
  kind = type(kind) == 'table' and kind.ok or kind
  if kind == 'ReJSON-RL' and #paths > 0 then
    local found = {}
    for i = 1, #paths do found[i] = redis.call('JSON.GET', key, paths[i]) or '' end
    return kind .. ':' .. redis.sha1hex(table.concat(found))
  elseif kind == 'string' then
    return kind .. ':' .. redis.sha1hex(redis.call('GET', key) or '')
  elseif kind == 'hash' and #fields > 0 then
    local values = redis.call('HMGET', key, unpack(fields))
    for i = 1, #fields do values[i] = values[i] and (#values[i] .. ':' .. values[i]) or '-' end
    return kind .. ':' .. redis.sha1hex(table.concat(values))
  end
  return kind
end

-- The answer, and whether there is a key of another type. Nothing where the server does not know the command.
local function ask(...)
  local answer = redis.pcall(...)
  if type(answer) ~= 'table' or not answer.err then return answer, false end
  if string.find(answer.err, 'WRONGTYPE', 1, true) then return nil, true end
  local said = string.lower(answer.err)
  if string.find(said, 'unknown', 1, true) then return nil, false end
  -- It fails again, with its own words.
  return redis.call(...), false
end

local function check(how, key)
  if how == 'f' then
    local there, other = ask('HEXISTS', key, take())
    return (other or there == 1) and -2 or 1
  elseif how == 's' then
    local way, wanted = ways[tonumber(take())], take()
    return state(key, way) == wanted and 1 or -1
  end
  local value, other = ask('HGET', key, take())
  local digest = take()
  if other then return -2 end
  return (not value or redis.sha1hex(value) == digest) and 1 or -1
end

local function none_there(keys)
  for i = 1, #keys, 1000 do
    if redis.call('EXISTS', unpack(keys, i, math.min(i + 999, #keys))) > 0 then return false end
  end
  return true
end

-- A list without these elements. What stays is written behind what is there, which is cut off then: nothing can be lost
-- between, and the list keeps its expiry.
local function filter(key, parts)
  local size, goes, stays, found = redis.call('LLEN', key), {}, {}, {}
  for _, part in ipairs(parts) do goes[part] = true end
  for from = 0, size - 1, 1000 do
    for _, element in ipairs(redis.call('LRANGE', key, from, from + 999)) do
      if goes[element] then found[element] = true else stays[#stays + 1] = element end
    end
  end
  if #stays == 0 then
    redis.call('UNLINK', key)
  elseif #stays < size then
    for i = 1, #stays, 1000 do redis.call('RPUSH', key, unpack(stays, i, math.min(i + 999, #stays))) end
    redis.call('LTRIM', key, size, -1)
  end
  return found
end

-- Which of these entries are there: of each true or nothing; nothing at all where that cannot be asked at once.
local function there(verb, key, parts)
  if verb == 'SREM' then
    local found, other = ask('SMISMEMBER', key, unpack(parts))
    for i = 1, #parts do if found then found[i] = found[i] == 1 end end
    return found, other
  end
  return ask('ZMSCORE', key, unpack(parts))
end

-- The edits of those entries that may go.
local function edit(verb, key, entries)
  local parts = {}
  for i, entry in ipairs(entries) do parts[i] = entry.part end
  if #parts == 0 then return end
  local function all(answer) for _, entry in ipairs(entries) do entry.answer = answer end end
  if verb == 'UNLINK' then
    for _, entry in ipairs(entries) do
      local whole, how = KEYS[tonumber(entry.part)], entry.content[1]
      if redis.call('EXISTS', whole) == 0 then
        entry.answer = 0
      elseif how == 'any' or
        (how ~= '' and content(whole, how, entry.content[2], entry.content[3]) == entry.content[4]) then
        redis.call('UNLINK', whole)
      else
        entry.answer = -2
      end
    end
  elseif verb == 'LREM' then
    local _, other = ask('LLEN', key)
    if other then return all(-2) end
    local found = #parts > 100 and filter(key, parts)
    for _, entry in ipairs(entries) do
      if found then
        entry.answer = found[entry.part] and 1 or 0
      elseif redis.call('LREM', key, 0, entry.part) == 0 then
        entry.answer = 0
      end
    end
  else
    local now, other
    if verb == 'HDEL' then now, other = ask('HMGET', key, unpack(parts)) else now, other = there(verb, key, parts) end
    if other then return all(-2) end
    local goes = {}
    for i, entry in ipairs(entries) do
      if not now then
        entry.answer = redis.call(verb, key, entry.part)
      elseif not now[i] then
        entry.answer = 0
      elseif verb == 'HDEL' and entry.must == 'is' and now[i] ~= entry.was then
        entry.answer = -2
      else
        goes[#goes + 1] = entry.part
      end
    end
    if #goes > 0 then redis.call(verb, key, unpack(goes)) end
  end
end

local answers = {}
while at < #ARGV do
  local verb, place, count = take(), tonumber(take()), tonumber(take())
  local entries, gone, may_go = {}, {}, {}
  for i = 1, count do
    local entry = {part = take(), gone = {}, answer = 1}
    if verb == 'HDEL' then
      entry.must, entry.was = take(), take()
    elseif verb == 'UNLINK' then
      entry.content = {take(), take(), take(), take()}
    end
    for _ = 1, tonumber(take()) do
      local how, key = take(), KEYS[tonumber(take())]
      if how == '-' then
        gone[#gone + 1], entry.gone[#entry.gone + 1] = key, key
      else
        entry.answer = math.min(entry.answer, check(how, key))
      end
    end
    entries[i] = entry
  end
  if not none_there(gone) then
    for _, entry in ipairs(entries) do
      if not none_there(entry.gone) then entry.answer = -2 end
    end
  end
  for _, entry in ipairs(entries) do
    if entry.answer == 1 then may_go[#may_go + 1] = entry end
  end
  edit(verb, KEYS[place], may_go)
  for _, entry in ipairs(entries) do answers[#answers + 1] = entry.answer end
end
return answers
