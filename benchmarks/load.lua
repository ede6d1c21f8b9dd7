-- Sends each line of a file once, as the body of a POST, over as many connections as wrk has; then prints, as one line of
-- JSON, what came of it. `rung` has no part in it: any server that speaks OpenAI's chat completions can be asked.
--
--     wrk -t1 -c64 -d1h -s load.lua http://127.0.0.1:8321/v1/chat/completions -- bodies.jsonl

local ffi = require("ffi")
ffi.cdef [[
  struct moment { long seconds; long nanoseconds; };
  int clock_gettime(int clock, struct moment *now);
]]
local MONOTONIC, NEVER = 1, 3600 * 1000
local moment = ffi.new("struct moment")
local bodies, first, reserved, sent, answered, tokens, failed = {}, nil, 0, -1, 0, 0, 0
local sent_at, answered_at = 0, 0 -- sums, of seconds since the first was sent
local example = ""

local function now()
  ffi.C.clock_gettime(MONOTONIC, moment)
  return tonumber(moment.seconds) + tonumber(moment.nanoseconds) / 1e9
end

function init(arguments)
  for line in io.lines(arguments[1]) do
    bodies[#bodies + 1] = line
  end
end

-- A connection that finds no body left waits until wrk is ended.
function delay()
  reserved = reserved + 1
  return reserved > #bodies and NEVER or 0
end

function request()
  sent = sent + 1 -- from -1 on: wrk makes one request that it does not send, to count what is in it
  if sent > #bodies then -- wrk has lost one with its connection, and does not say which
    failed, example = failed + 1, "a connection was closed before its answer had come"
  elseif sent > 0 then
    first = first or now()
    sent_at = sent_at + now() - first
  end
  return wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, bodies[math.min(math.max(sent, 1), #bodies)])
end

function response(status, _, body)
  answered = answered + 1
  local at = now() - first
  answered_at = answered_at + at
  local counted = body:match('"completion_tokens":%s*(%d+)') -- within a text its quotes would be escaped
  local whole = body:find('"finish_reason":%s*"') ~= nil
  if status == 200 and counted and whole and not body:find('"error":') then
    tokens = tokens + tonumber(counted)
  else
    failed = failed + 1
    example = status .. " " .. body:sub(-300)
  end
  if answered == #bodies then
    local line = '{"tokens": %d, "seconds": %.6f, "mean": %.6f, "failed": %d, "example": "%s"}\n'
    local shown = example:gsub('[%c"\\]', " ")
    io.write(line:format(tokens, at, (answered_at - sent_at) / answered, failed, shown))
    io.flush()
  end
end
