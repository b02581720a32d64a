-- KEYS: the index key, then every record and every required record that is named below by its place.
-- ARGV: the command; the paths asked of a document and the fields asked of a hash, each with their number before them;
-- then for each edit: member, score (or nothing), place of its record, the state that the decision was made on, the
-- number of required records, and of each its place and whether it must be there.
-- Gives a number an edit: what the command answered, or -1 where the record is not in that state any more.
local at = 1
local function take()
  at = at + 1
  return ARGV[at]
end
local function list()
  local items = {}
  for i = 1, tonumber(take()) do items[i] = take() end
  return items
end
local paths, fields = list(), list()

local function state(key)
  local kind = redis.call('TYPE', key)
  kind = type(kind) == 'table' and kind.ok or kind
  if kind == 'ReJSON-RL' and #paths > 0 then
    -- One path at a time: RedisJSON answers several in an order of its own that changes from call to call.
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

local answers = {}
while at < #ARGV do
  local member, score, record, wanted = take(), take(), take(), take()
  local holds = state(KEYS[tonumber(record)]) == wanted
  for _ = 1, tonumber(take()) do
    local key, there = take(), take()
    holds = redis.call('EXISTS', KEYS[tonumber(key)]) == tonumber(there) and holds
  end
  if not holds then
    answers[#answers + 1] = -1
  elseif score ~= '' then
    answers[#answers + 1] = redis.call(ARGV[1], KEYS[1], score, member)
  else
    answers[#answers + 1] = redis.call(ARGV[1], KEYS[1], member)
  end
end
return answers
