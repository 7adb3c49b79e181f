-- wrk: each request is for a user drawn at random from the file that USERS names.
local users = {}
for line in io.lines(os.getenv("USERS")) do users[#users + 1] = line end

function init(arguments)
  math.randomseed(os.time() + tonumber(tostring({}):match("0x(%x+)"), 16) % 100000)
end

-- Milliseconds between an answer and the next request of a connection.
local pause = tonumber(os.getenv("PAUSE"))
if pause > 0 then
  function delay() return pause end
end

function request()
  return wrk.format("GET", "/v1/users/" .. users[math.random(#users)] .. "/recommendations")
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), latency.max, errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
