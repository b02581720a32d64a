-- KEYS: the index key, then every record and every required record that is named below by its place.
-- ARGV: the command; the paths asked of a document and the fields asked of a hash, each with their number before them;
-- then for each edit: member, score (or nothing), the score that the member must have now ('-': it must not be there;
-- nothing: whatever it has), place of its record (0: none decides), the state that the decision was made on, the number
-- of required records, and of each its place and whether it must be there.
-- Gives one number per edit: 1 where it was made, 0 where it is in place already (somebody made it), -1 where the record
-- is not in that state any more, -2 where somebody else has set the member's score, added it, or removed it.
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

local function number(text)
  if text == 'inf' then return math.huge elseif text == '-inf' then return -math.huge end
  return tonumber(text)
end

-- Whether the edit is in place, and whether the member is as it must be for it.
local function score_now(member, score, must_be)
  if must_be == '' then return false, true end
  local now = redis.call('ZSCORE', KEYS[1], member)
  local as_it_must = must_be == '-' and not now or (now and must_be ~= '-' and number(now) == number(must_be))
  if score == '' then return not now, as_it_must end
  return now and number(now) == number(score), as_it_must
end

local answers = {}
while at < #ARGV do
  local member, score, must_be, record, wanted = take(), take(), take(), take(), take()
  local holds = record == '0' or state(KEYS[tonumber(record)]) == wanted
  for _ = 1, tonumber(take()) do
    local key, there = take(), take()
    holds = redis.call('EXISTS', KEYS[tonumber(key)]) == tonumber(there) and holds
  end
  local in_place, as_it_must = score_now(member, score, must_be)
  if in_place then
    answers[#answers + 1] = 0
  elseif not holds then
    answers[#answers + 1] = -1
  elseif not as_it_must then
    answers[#answers + 1] = -2
  elseif score ~= '' then
    -- CH: a score that changes is an edit as well; without it, such an edit could not be told from one that was in place.
    answers[#answers + 1] = redis.call(ARGV[1], KEYS[1], 'CH', score, member)
  else
    answers[#answers + 1] = redis.call(ARGV[1], KEYS[1], member)
  end
end
return answers
