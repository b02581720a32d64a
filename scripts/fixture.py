"""Prints the commands that fill a server with the state of fixtures/discord-analytics.rdb, as RESP.

The same commands at every run and with every Python 3: random numbers come from a generator of our own.
"""

import json
import sys

# What the database had in January 2025; fixtures/README.md gives the arithmetic.
LIVE = (1991, 172, 3)  # messages whose projectId is an existing project's, by project
MISSING = (41, 9, 1)  # of these, not in their project's index; as many stale members stand in it
MOVED = (11, 4, 0)  # stale members that are messages of another project; the other stale ones are gone
DELETED = 3  # messages of the project whose record was deleted
NO_PROJECT = 17319  # messages of no existing project, or without a usable projectId; DELETED are among them
PROJECT_INDEXES, USER_INDEXES, CHANNEL_INDEXES = 2001, 2040, 2008

FAR_FUTURE = 4070908800000  # 2099-01-01, in ms
DISCORD_EPOCH = 1420070400000
NANO = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
WORDS = (
    "the bot is down again who changed config did anyone check logs please ship it tomorrow nice work thanks "
    "meeting moved to three release notes are ready can you review my patch users report slow queries index "
    "rebuild took an hour dashboard shows zero messages why again agreed lgtm merged reverted hotfix deploy"
).split()
ODD = (
    'she said "ship it" and left',
    "path C:\\temp\\new and a tab\there",
    "two\nlines\r\nand a third",
    "🚀🚀 done 🎉",
    "naïve café, 東京, Ωmega, \u2028 separator",
    'look: {"projectId":"project:discord:AAAAAAAAAAAAAAAAAAAAA","userId":null}',
    '"projectId":"project:discord:decoy_in_the_text__",',
    'ends with a backslash \\',
    "control \u0001 and \u007f",
    "</script><b>bold</b> & co",
    "",
)


class Rng:
    """splitmix64."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & (2**64 - 1)
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
        return z ^ (z >> 31)

    def below(self, n):
        return self.next() % n

    def pick(self, items):
        return items[self.below(len(items))]

    def nano(self):
        return "".join(self.pick(NANO) for _ in range(21))

    def snowflake(self, year):
        start = {2016: 1451606400000, 2022: 1640995200000, 2024: 1704067200000}[year]
        return str(((start - DISCORD_EPOCH + self.below(31_000_000_000)) << 22) | self.below(1 << 22))


rng = Rng(20250106)


def send(*args):
    out = [b"*%d\r\n" % len(args)]
    for arg in args:
        data = arg if isinstance(arg, bytes) else str(arg).encode()
        out.append(b"$%d\r\n%s\r\n" % (len(data), data))
    sys.stdout.buffer.write(b"".join(out))


def send_many(command, key, args, step=500):
    for i in range(0, len(args), step):
        send(command, key, *args[i : i + step])


def send_json(key, document):
    send("JSON.SET", key, "$", json.dumps(document, ensure_ascii=False, separators=(",", ":")))


def distinct(n, make):
    seen = dict.fromkeys(make() for _ in range(n))
    while len(seen) < n:
        seen[make()] = None
    return list(seen)


def iso(ms):
    days, rest = divmod(ms, 86_400_000)
    z = days + 719468  # civil date from days, by eras of 400 years from 0000-03-01
    era, doe = divmod(z, 146097)
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    day, month = doy - (153 * mp + 2) // 5 + 1, mp + 3 if mp < 10 else mp - 9
    year = yoe + era * 400 + (month <= 2)
    hours, rest = divmod(rest, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}Z"


def time_of(snowflake):
    return (int(snowflake) >> 22) + DISCORD_EPOCH


def sentence(least, most):
    return " ".join(rng.pick(WORDS) for _ in range(least + rng.below(most - least + 1)))


projects = ["project:discord:" + rng.nano() for _ in LIVE]
quiet = "project:discord:" + rng.nano()  # a project that has a record and no message
deleted = "project:discord:" + rng.nano()
servers = [rng.snowflake(2016) for _ in range(4)]
users = distinct(USER_INDEXES, lambda: rng.snowflake(2016))
channels = distinct(CHANNEL_INDEXES, lambda: rng.snowflake(2022))
old_ids = iter(distinct(NO_PROJECT - DELETED, lambda: rng.snowflake(2022)))
new_ids = iter(distinct(sum(LIVE) + DELETED + 8000, lambda: rng.snowflake(2024)))


def skewed(items):
    """Low positions are much more frequent, as active users and channels are."""
    return items[min(rng.below(len(items)), rng.below(len(items)), rng.below(len(items)))]


def full_message(project, n):
    message_id = next(new_ids)
    server = servers[n % 4]
    user, channel = skewed(users), skewed(channels)
    ms = time_of(message_id)
    key = f"message:discord:{project}:{message_id}"
    content = ODD[n % 97] if n % 97 < len(ODD) else sentence(4, 14)
    document = {
        "id": key,
        "messageId": message_id,
        "projectId": project,
        "serverId": server,
        "serverName": f"Server {server[-4:]}",
        "channelId": channel,
        "channelName": rng.pick(("general", "support", "dev-talk", "オフトピ", "announcements")),
        "userId": user,
        "username": f"user_{user[-5:]}",
        "userAvatar": f"https://cdn.example.invalid/avatars/{user}/{rng.next():016x}.webp",
        "content": content,
        "timestamp": iso(ms),
        "hasAttachments": n % 9 == 0,
        "attachments": [{"projectId": "project:discord:in_an_attachment", "size": rng.below(10**7)}] if n % 9 == 0 else [],
        "replyToId": None,
    }
    if n % 5:
        document["sentiment"] = {
            "score": rng.below(2001) / 1000 - 1,
            "confidence": rng.below(1001) / 1000,
            "analyzedAt": iso(ms + 3_600_000),
        }
    if n % 7 == 0:
        document["replyToId"] = message_id[:-3] + "000"
        document["reference"] = {"projectId": deleted, "messageId": None, "nested": {"projectId": ["x"]}}
    if n % 11 == 0:  # any order of fields
        document = dict(reversed(document.items()))
    return key, document, user, channel


def light_message(n):
    """An older message: fewer fields, and a projectId that names no existing project."""
    message_id = next(old_ids)
    user, channel = skewed(users), skewed(channels)
    bare = projects[n % 3].rpartition(":")[2] if n % 50 == 0 else lost[n % len(lost)]
    kind = n % 20
    if kind < 7:
        folder, project = "null", None
    elif kind < 13:
        folder, project = "undefined", ...
    elif kind < 14:
        folder, project = "undefined", ""
    elif kind < 15:
        folder, project = "undefined", "undefined"
    elif kind < 18:
        folder, project = bare, bare
    elif n % 500 == 19:
        folder, project = "[object Object]", {"id": projects[0], "projectId": projects[1]}
    else:
        folder, project = lost[n % len(lost)], "project:discord:" + lost[n % len(lost)]
    key = f"message:discord:{folder}:{message_id}"
    document = {"id": key, "messageId": message_id, "channelId": channel, "userId": user}
    if project is not ...:
        document["projectId"] = project
    document["content"] = ODD[n % 397] if n % 397 < len(ODD) else sentence(1, 3)
    document["timestamp"] = iso(time_of(message_id))
    if n % 40 == 0:
        document["meta"] = {"projectId": projects[0]}
    return key, document, user, channel


lost = [rng.nano() for _ in range(12)]  # ids of projects that never had a record

# ---- messages
messages = []
live_keys = []
for project, count in zip(projects, LIVE):
    made = [full_message(project, n) for n in range(count)]
    live_keys.append([m[0] for m in made])
    messages += made
deleted_messages = [full_message(deleted, n) for n in range(DELETED)]
messages += deleted_messages
messages += [light_message(n) for n in range(NO_PROJECT - DELETED)]
for key, document, _, _ in messages:
    send_json(key, document)

# ---- projects, users, channels
for n, project in enumerate([*projects, quiet]):
    send_json(
        project,
        {
            "id": project,
            "name": f"Project {n + 1}",
            "serverId": servers[n],
            "serverName": f"Server {servers[n][-4:]}",
            "trackedChannels": channels[n * 3 : n * 3 + 3],
            "teamMods": users[n : n + 2],
            "createdAt": iso(1704067200000 + n * 86_400_123),
            "createdBy": users[n],
            "isActive": n != 3,
            "stats": {"totalMessages": (*LIVE, 0)[n], "totalUsers": 7 * n, "lastActivity": iso(1736180000000)},
        },
    )
for n, user in enumerate(users):
    send_json(f"discord:user:{user}", {"userId": user, "projects": {projects[n % 2]: {"messages": rng.below(90)}}})
for n, channel in enumerate(channels):
    send_json(f"channel:discord:{channel}", {"channelId": channel, "projectId": projects[n % 3], "name": rng.pick(WORDS)})


def gone(project):
    return f"message:discord:{project}:{next(new_ids)}"


# ---- project indexes: three right in name ...
for n, project in enumerate(projects):
    keys = live_keys[n]
    step = len(keys) // MISSING[n]
    missing = {keys[i * step] for i in range(MISSING[n])}
    moved = live_keys[1 - n][5 : 5 + MOVED[n]] if MOVED[n] else []
    stale = moved + [gone(project) for _ in range(MISSING[n] - len(moved))]
    send_many("SADD", f"discord:messages:project:{project}", [k for k in keys if k not in missing] + stale)

# ... and the wrong ones.
nanos = [p.rpartition(":")[2] for p in projects]
names = ["undefined", "null", "[object Object]", "NaN", "project:discord:undefined", "project:discord:null"]
names += [deleted, quiet]
names += [f"{p} " for p in projects] + [f" {p}" for p in projects] + [f"{p}\n" for p in projects]
names += [p.upper() for p in projects] + [p.replace(":", "%3A") for p in projects] + [f'"{p}"' for p in projects]
names += nanos + [f"discord:{nano}" for nano in nanos]
names += [f"project:discord:{p}" for p in projects] + [f"discord:messages:project:{p}" for p in projects]
names += [f"project:discord:{x}" for x in lost] + lost
names += [f"test-project-{n}" for n in range(1, 41)] + ["test", "test:test", "demo*", "a[b]c?", "é", "emoji-🎯"]
wrong = PROJECT_INDEXES - len(LIVE)
while len(names) < wrong:
    nano = rng.nano()
    n = len(names) % 10
    names.append(
        f"project:discord:project:discord:{nano}"
        if n < 3
        else f"project:project:discord:project:discord:{nano}"
        if n < 4
        else f"discord:messages:project:project:discord:{nano}"
        if n < 5
        else f"project:discord:{nano}"
        if n < 8
        else nano
        if n < 9
        else rng.snowflake(2016)
    )
assert len(names) == len(set(names)) == wrong, "every wrong key has a name of its own"

flat_live = live_keys[0] + live_keys[1]
for n, name in enumerate(names):
    key = f"discord:messages:project:{name}"
    kind = n % 60 if n > 60 else 0
    if name == deleted:
        members = [m[0] for m in deleted_messages]
    else:  # copies of live messages, or messages that are gone
        members = distinct(1 + rng.below(3), lambda: rng.pick(flat_live) if n % 3 == 0 else gone(deleted))
    if kind == 11:
        send("SET", key, "[]")
    elif kind == 21:
        send("RPUSH", key, *members)
    elif kind == 31:
        send("ZADD", key, *(x for i, m in enumerate(members) for x in (1736180000000 + i, m)))
    elif kind == 41:
        send("HSET", key, "count", len(members), "last", members[0])
    elif kind == 51:
        send_json(key, {"projectId": projects[0], "messages": members})
    elif n == 1990:
        send("XADD", key, "1736180000000-0", "message", members[0])
    elif n == 1993:
        send("SADD", key, 1, 2, 3)
    elif n == 1992:
        send("SADD", key, *[gone(deleted) for _ in range(250)])
    else:
        send("SADD", key, *members)
    if n % 80 == 7:
        send("PEXPIREAT", key, FAR_FUTURE + n)

# ---- user and channel indexes: every user and channel has one, and about a quarter of the messages were ever added
by_user = {user: [] for user in users}
by_channel = {channel: [] for channel in channels}
for n, (key, _, user, channel) in enumerate(messages):
    if n % 8 < 2:
        by_user[user].append(key)
    if n % 8 in (0, 5):
        by_channel[channel].append(key)
for family, table in (("user", by_user), ("channel", by_channel)):
    for n, (name, members) in enumerate(table.items()):
        send_many("SADD", f"discord:messages:{family}:{name}", members or [gone(deleted)])
        if n % 500 == 3:
            send("PEXPIREAT", f"discord:messages:{family}:{name}", FAR_FUTURE)

# ---- the registry, and sets and timelines of the projects
send("SADD", "discord:projects:all", projects[0], projects[2], deleted, nanos[0], "undefined", f"project:discord:{projects[1]}")
for n, project in enumerate(projects):
    mine = [m for m in messages if m[1].get("projectId") == project]
    send_many("SADD", f"discord:users:project:{project}", sorted({m[2] for m in mine}))
    timeline = [x for m in mine for x in (time_of(m[1]["messageId"]), m[1]["messageId"])]
    send_many("ZADD", f"discord:messages:timeline:{project}", timeline)

# ---- other parts of the application
send("SET", "discord:bot:heartbeat", "1736180000123", "PXAT", FAR_FUTURE)
send("HSET", "discord:health:status", "redis", "ok", "bot", "degraded", "latencyMs", 41, "detail", "x" * 90)
for day in range(1, 7):
    send_json(f"backup:discord:2025-01-0{day}:meta", {"day": day, "projectId": projects[0], "keys": 26054 + day})
    send("SADD", f"backup:discord:2025-01-0{day}:discord:messages:project:{projects[1]}", *live_keys[1][:40])
    send("SET", f"backup:discord:message:discord:{projects[0]}:{day}", json.dumps({"projectId": projects[0]}))
for n in range(8):
    send("SET", f"merge:plan:{rng.next():016x}", json.dumps({"from": rng.pick(lost), "to": projects[n % 3], "done": n % 2 == 0}))
send("RPUSH", "merge:plan:queue", *(rng.nano() for _ in range(30)))
for n, user in enumerate(users[:60]):
    send("HSET", f"points:user:{user}", "balance", rng.below(10**6), "level", n, "title", sentence(1, 3))
send("ZADD", "points:leaderboard", *(x for user in users[:300] for x in (rng.below(10**7) / 4, user)))
send("ZADD", "points:leaderboard:weekly", *(x for user in users[:40] for x in (rng.below(1000), user)))
send("RPUSH", "points:queue", *(sentence(1, 4) for _ in range(600)))
send("SADD", "points:levels", *range(1, 101))
send("SET", "points:total", 123456789)
send("SET", "points:blob", bytes(range(256)))
for n in range(150):
    send("XADD", "points:events", f"{1736100000000 + n * 977}-{n % 3}", "user", users[n], "delta", rng.below(500) - 250)
send("XGROUP", "CREATE", "points:events", "ledger", "0")
send("XREADGROUP", "GROUP", "ledger", "worker-1", "COUNT", 5, "STREAMS", "points:events", ">")
send("XDEL", "points:events", "1736100000977-1")
# names that only look like an index's or a record's
send("SADD", "discord:messages:projects", *live_keys[2])
send("SADD", f"discord:message:project:{projects[0]}", live_keys[0][0])
send("SADD", f"Discord:messages:project:{projects[0]}", live_keys[0][0])
send("SET", f"messages:discord:{projects[0]}:1", "{}")
send("SET", "message:discord", "{}")
send("SET", "project:discord", "{}")
