-- wrk script: one alert per request to POST /webhook (KIND=aiops) or Alerta's /alert (KIND=alerta).
-- MODE=new: every request another problem; MODE=dup: the same hundred problems over and over. PREFIX keeps runs apart.
-- PAUSE: ms that each connection waits before each request.
local kind, mode = os.getenv("KIND") or "aiops", os.getenv("MODE") or "new"
local prefix = os.getenv("PREFIX") or tostring(os.time())
local threads, tid, counter = 0, 0, 0
local pause = tonumber(os.getenv("PAUSE") or "0")
if pause > 0 then function delay() return pause end end
function setup(thread) thread:set("tid", threads); threads = threads + 1 end
function init(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  if kind == "aiops" and os.getenv("KEY") then wrk.headers["X-API-Key"] = os.getenv("KEY") end
end
function request()
  counter = counter + 1
  local id = prefix .. "-" .. tid .. "-" .. (mode == "dup" and counter % 100 or counter)
  if kind == "alerta" then
    return wrk.format(nil, nil, nil, '{"resource":"web-' .. id .. '","event":"HttpServerError","environment":"Production","severity":"major","service":["checkout"],"group":"Web","value":"503","text":"Site is down.","tags":["dc=a","team=x"],"attributes":{"region":"eu"},"origin":"bench"}')
  end
  return wrk.format(nil, nil, nil, '{"dedup_key":"' .. id .. '","title":"HttpServerError on checkout","description":"Site is down since 5 minutes","service":"checkout","severity":"critical","source":"prometheus","namespace":"production","pod":"payments-api-7d8f9c6b5-x2k4m","deployment":"payments-api"}')
end
function done(s, l, r)
  print(string.format("RESULT %.1f %.3f %.3f %d %d", s.requests / s.duration * 1e6, l:percentile(50) / 1e3, l:percentile(99) / 1e3, s.requests, s.errors.status + s.errors.read + s.errors.timeout))
end
