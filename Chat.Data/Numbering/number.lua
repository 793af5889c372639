-- Numbers events of one room. A known id keeps its number; every other event gets head + 1, is appended to the hot stream,
-- remembered by its id, and published. Calling again with the same events changes nothing and answers the same.
--
-- KEYS   1 guard, then of the room: 2 hot stream, 3 head hash, 4 prefix of known ids, 5 access copy, 6 channel; all in one slot
-- ARGV   1 epoch in which the room was created, 2 seconds that an id is remembered,
--        then per event: id, other ids of the same send (joined by commas), access version, timestamp in ms, body;
--        with a guard and nothing else it only tells whether it would number there
-- Reply  per event, flat: seq, epoch, timestamp, 1 when it was known before, the id that holds the number
--
-- The epoch stands in the text and in the guard key of this server, or of this slot of a cluster. A server that lost data has lost the guard or the script
-- (or both), so it cannot number until somebody takes over with a fresh epoch.
local EPOCH = @EPOCH@
local guard = redis.call('GET', KEYS[1])
if guard ~= '@EPOCH@' then
  return redis.error_reply('WRONGEPOCH ' .. (guard or '-1') .. ' is the epoch of this server, the script numbers in @EPOCH@')
end
if #KEYS == 1 then return {} end

-- Redis does not roll back: whatever can fail is read and checked here, before the first write.
local created, ttl = tonumber(ARGV[1]), tonumber(ARGV[2])
if not created or not ttl or #ARGV < 7 or (#ARGV - 2) % 5 ~= 0 then
  return redis.error_reply('ERR wrong arguments for numbering')
end
local room = redis.call('HMGET', KEYS[3], 'head', 'epoch', 'access')
local head, epoch, access = tonumber(room[1]), tonumber(room[2]), tonumber(room[3]) or 0
if epoch and epoch > EPOCH then
  return redis.error_reply('WRONGEPOCH ' .. room[2] .. ' is the epoch of the room, the script numbers in @EPOCH@')
end
local known, holder = {}, {}
for i = 3, #ARGV, 5 do
  if not tonumber(ARGV[i + 2]) or not string.match(ARGV[i + 3], '^%d+$') then
    return redis.error_reply('ERR wrong arguments for numbering')
  end
  known[i], holder[i] = redis.call('GET', KEYS[4] .. ARGV[i]), ARGV[i]
  if not known[i] then
    for other in string.gmatch(ARGV[i + 1], '[^,]+') do
      known[i] = redis.call('GET', KEYS[4] .. other)
      if known[i] then
        holder[i] = other
        break
      end
    end
  end
  if known[i] and not string.match(known[i], '^%d+ %d+ %d+$') then
    return redis.error_reply('ERR a known id has no number')
  end
end

-- Numbers of an epoch lie above all earlier ones without anybody being asked. Only a room that was made in this epoch starts at 1.
local fresh, drop = nil, false
if not head then
  head = created == EPOCH and 0 or EPOCH * 4294967296
  fresh = created == EPOCH
elseif epoch < EPOCH then
  -- Whoever numbers in a new epoch does so after the persister has copied what counts of the older ones: the rest of the stream is dropped.
  drop = true
  head = EPOCH * 4294967296
end

local given, reply, frames, rises = {}, {}, {}, false
for i = 3, #ARGV, 5 do
  local id, timestamp, body = ARGV[i], ARGV[i + 3], ARGV[i + 4]
  local number = known[i]
  -- The same send twice in one call: the first of the two has taken the number just now.
  if not number and given[id] then number = given[id] end
  if not number then
    for other in string.gmatch(ARGV[i + 1], '[^,]+') do
      if given[other] then
        number, holder[i] = given[other], other
        break
      end
    end
  end
  local repeated = number and 1 or 0
  if not number then
    if drop then
      redis.call('DEL', KEYS[2])
      drop = false
    end
    head = head + 1
    -- Lua writes numbers over 14 digits in scientific notation unless told otherwise.
    local seq = string.format('%.0f', head)
    -- First the append: it is the one write that could still refuse, and then nothing has been written.
    redis.call('XADD', KEYS[2], seq .. '-0', 'i', id, 't', timestamp, 'e', '@EPOCH@', 'b', body)
    number = seq .. ' @EPOCH@ ' .. timestamp
    redis.call('SET', KEYS[4] .. id, number, 'EX', ttl)
    given[id] = number
    local version = tonumber(ARGV[i + 2])
    if version > access then
      access, rises = version, true
    end
    frames[#frames + 1] = seq .. ' @EPOCH@ ' .. string.format('%.0f', access) .. ' ' .. #body .. '\n' .. body
  end
  local seq, its_epoch, its_timestamp = string.match(number, '^(%d+) (%d+) (%d+)$')
  reply[#reply + 1] = seq
  reply[#reply + 1] = its_epoch
  reply[#reply + 1] = its_timestamp
  reply[#reply + 1] = repeated
  reply[#reply + 1] = holder[i]
end

if #frames > 0 then
  -- The head moves last, past numbers that are all in the stream; one message carries all new events in their order.
  redis.call('HSET', KEYS[3], 'head', string.format('%.0f', head), 'epoch', '@EPOCH@', 'access', string.format('%.0f', access))
  if fresh then redis.call('HSET', KEYS[3], 'first', '1') end
  -- Somebody lost something: nobody may go on deciding by the older copy.
  if rises then redis.call('DEL', KEYS[5]) end
  redis.call('SPUBLISH', KEYS[6], table.concat(frames))
end
return reply
