"""The scripts that Redis executes for the ingress; each is one atomic step.

No script writes to a key of another prefix. A script whose first write frees memory may write on when Redis
is full, so messages are answered, and leases renewed, while producers get errors.

Source: docs/decisions/051-ingress.md.
"""

from __future__ import annotations

import hashlib
from typing import Final

from msgspec import Struct


class Script(Struct, frozen=True):
    """A script and its digest, by which Redis knows it after the first time."""

    text: str
    digest: str


def make_script(text: str) -> Script:
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


KEEP: Final = make_script("""
local owner, lifetime = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + lifetime, owner)
redis.call('PEXPIRE', KEYS[1], 4 * lifetime)
local all = redis.call('ZRANGE', KEYS[1], 0, -1)
table.sort(all)
local rank = 0
for place, one in ipairs(all) do
    if one == owner then rank = place - 1 end
end
local streams = #KEYS - 1
local share = math.floor(streams / #all)
if rank < streams % #all then share = share + 1 end
for number = 3, #ARGV do
    local key = KEYS[ARGV[number] + 2]
    if redis.call('GET', key) == owner then redis.call('DEL', key) end
end
local held, free = {}, {}
for stream = 0, streams - 1 do
    local holder = redis.call('GET', KEYS[stream + 2])
    if holder == owner then
        redis.call('PEXPIRE', KEYS[stream + 2], lifetime)
        held[#held + 1] = stream
    elseif not holder then
        free[#free + 1] = stream
    end
end
for _, stream in ipairs(free) do
    if #held >= share then break end
    redis.call('SET', KEYS[stream + 2], owner, 'PX', lifetime)
    held[#held + 1] = stream
end
return {share, held}
""")
"""Renews, acquires and gives up leases. KEYS: the set of consumers, then the lease of each stream. ARGV: the
owner, the lifetime of a lease in milliseconds, then the streams that the owner gives up.

Returns the fair share of the owner and the streams that it holds.
"""

LEAVE: Final = make_script("""
redis.call('ZREM', KEYS[1], ARGV[1])
for number = 2, #KEYS do
    if redis.call('GET', KEYS[number]) == ARGV[1] then redis.call('DEL', KEYS[number]) end
end
return 0
""")
"""Gives up all leases. KEYS as `KEEP`; ARGV: the owner."""

_CUT: Final = """
local function cut(fields)
    local size = 0
    for at = 1, #fields do
        size = size + #fields[at]
        if #fields[at] > most then fields[at] = string.sub(fields[at], 1, most) end
    end
    return size
end
"""

READ: Final = make_script(
    """
local group, consumer, free = ARGV[1], ARGV[2], tonumber(ARGV[3])
local most, bytes = tonumber(ARGV[4]), tonumber(ARGV[5])
"""
    + _CUT
    + """
local found = {}
local share = math.min(math.max(16, math.ceil(free / #KEYS)), tonumber(ARGV[6]))
for number = 1, #KEYS do
    local left = math.min(share, free)
    while left > 0 and bytes > 0 do
        local count = math.min(left, 16)
        local got = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', count,
            'STREAMS', KEYS[number], '>')
        local entries = got and got[1][2] or {}
        for _, entry in ipairs(entries) do
            local size = cut(entry[2])
            bytes = bytes - size
            found[#found + 1] = {number, entry[1], 1, size, entry[2]}
        end
        left, free = left - #entries, free - #entries
        if #entries < count then break end
    end
    if free <= 0 or bytes <= 0 then break end
end
return found
"""
)
"""Reads new messages without waiting. KEYS: streams. ARGV: group, consumer, the greatest number of messages,
the length to which each value is cut, the bytes after which the reading stops, and the greatest number of
messages of one stream.

Returns (number of the key from 1, entry, deliveries, bytes before the cut, names and values) of each.
"""

TAKE_OVER: Final = make_script(
    """
local group, consumer, from, count = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local most, bytes = tonumber(ARGV[5]), tonumber(ARGV[6])
"""
    + _CUT
    + """
local found, last = {}, from
for _, one in ipairs(redis.call('XPENDING', KEYS[1], group, from, '+', count)) do
    local entry, times = one[1], one[4]
    last = entry
    local body = redis.call('XRANGE', KEYS[1], entry, entry)
    if #body == 0 then
        redis.call('XACK', KEYS[1], group, entry)
        found[#found + 1] = {1, entry, times, 0, {}}
    else
        redis.call('XCLAIM', KEYS[1], group, consumer, 0, entry, 'JUSTID', 'RETRYCOUNT', times + 1)
        local size = cut(body[1][2])
        bytes = bytes - size
        found[#found + 1] = {1, entry, times + 1, size, body[1][2]}
    end
    if bytes <= 0 then break end
end
return {last, found}
"""
)
"""Reads messages that were delivered and not acknowledged, and counts the delivery. KEYS: one stream. ARGV:
group, consumer, the first entry, the greatest number, then as `READ`.

Returns the last entry that was looked at, and the messages as `READ`. A message without a body has no fields;
it is acknowledged.
"""

ANSWER: Final = make_script("""
local group, most, failed = ARGV[1], ARGV[2], {}
for _, one in ipairs(cmsgpack.unpack(ARGV[3])) do
    redis.call('XACK', KEYS[one[1]], group, one[2])
    redis.call('XDEL', KEYS[one[1]], one[2])
    local added = redis.pcall('XADD', KEYS[one[3]], 'MAXLEN', '~', most, '*', unpack(one[4]))
    if type(added) == 'table' and added.err then failed[#failed + 1] = one[2] end
end
return failed
""")
"""Acknowledges and removes messages, and adds a reply or a dead letter for each. KEYS: the streams of
messages, of replies and of dead letters. ARGV: group, the length of a stream of replies, and an array in
MessagePack. Its elements are arrays: the number of the stream's key, the entry, the number of the key for the
reply, and the names and values of the reply. As one argument they cost a fifth of the time of single words.

Returns the entries whose replies could not be added, because the key for the reply is no stream.
"""

EXCUSE: Final = make_script("""
for at = 3, #ARGV do
    local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[at], ARGV[at], 1)[1]
    if pending and pending[2] == ARGV[2] then
        redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[at], 'JUSTID', 'RETRYCOUNT',
            math.max(pending[4] - 1, 0))
    end
end
return 0
""")
"""Takes one delivery off the count of messages. KEYS: one stream. ARGV: group, consumer, entries."""

RESEND: Final = make_script("""
local added = redis.call('XADD', KEYS[2], '*', unpack(ARGV, 2))
redis.call('XDEL', KEYS[1], ARGV[1])
return added
""")
"""Sends a dead letter once more. KEYS: the dead letters, a stream. ARGV: the letter, its names and values."""

CREATE: Final = make_script("""
for _, key in ipairs(KEYS) do
    local pending = redis.pcall('XPENDING', key, ARGV[1])
    if pending.err then redis.call('XGROUP', 'CREATE', key, ARGV[1], '0', 'MKSTREAM') end
end
return 0
""")
"""Creates the streams and groups that are missing, with all entries as new ones. KEYS: streams. ARGV: group.
A full Redis refuses the creation of a group even if the group exists, so the script looks first.
"""

LENGTHS: Final = make_script("""
local lengths = {}
for place, key in ipairs(KEYS) do lengths[place] = redis.call('XLEN', key) end
return lengths
""")
"""Returns the lengths of streams. KEYS: streams."""
