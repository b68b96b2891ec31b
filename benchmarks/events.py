"""Seeded synthetic events of one workspace, made inside DuckDB.

Who takes part (bot, channel, user) depends on the number of a stream alone, and when and what is
said on the seed too: another seed makes new events of the same bots and users. The same arguments
make the same events with the same version of DuckDB.
"""

from datetime import date
from pathlib import Path

import duckdb

BOTS = 200
FIRST_DAY = date(2025, 10, 1)
DAYS = 396
COLUMNS = (
    "number",
    "source",
    "event_id",
    "bot",
    "channel",
    "user",
    "conversation",
    "at",
    "type",
    "direction",
    "agent",
    "voice",
    "developer",
    "test",
)

# Random numbers are hashes of what they are for: `uniform` lies from 0 up to 1, `lasting` is
# exponential with the given mean, in microseconds.
MACROS = """
CREATE OR REPLACE TEMP MACRO uniform(seed, use, a, b) AS
    (hash(seed, use, a, b) >> 11) / 9007199254740992.0;
CREATE OR REPLACE TEMP MACRO lasting(u, seconds) AS
    (-ln(1 - u) * seconds * 1000000)::BIGINT;
"""

# Few bots are large and many are small. One channel in sixteen is voice. One stream in three has a
# conversation id; the others are users who may come back to the same bot.
STREAMS = """
CREATE OR REPLACE TEMP TABLE made_stream AS
SELECT
    number,
    printf('bot-%03d', floor($bots * pow(uniform(0, 'bot', number, 0), 3))::INTEGER) AS bot,
    CASE
        WHEN channel < 0.06 THEN 'ivr'
        WHEN channel < 0.50 THEN 'web'
        WHEN channel < 0.75 THEN 'whatsapp'
        WHEN channel < 0.90 THEN 'teams'
        ELSE 'slack'
    END AS channel,
    printf('user-%07d', number) AS "user",
    CASE
        WHEN uniform(0, 'named', number, 0) < 0.33
        THEN printf('c-%016x', hash($seed, 'conversation', number))
        ELSE ''
    END AS conversation,
    printf('/platform/%d', floor(4 * uniform(0, 'source', number, 0))::INTEGER) AS source,
    1 + least(7, lasting(uniform($seed, 'returns', number, 0), 0.54) // 1000000) AS conversations
FROM (
    SELECT number, uniform(0, 'channel', number, 0) AS channel
    FROM range($streams) series(number)
)
"""

# A day has its peak at noon. The conversations of a stream follow one another by days. `handover`
# says how people take part: by transfers with or without the agent's id, with or without an end,
# or by just writing.
CONVERSATIONS = """
CREATE OR REPLACE TEMP TABLE made_conversation AS
WITH conversation AS (
    SELECT
        stream.number AS stream,
        place,
        8 * stream.number + place AS number,
        channel,
        $days * (
            0.92 * uniform($seed, 'day', stream.number, 0)
            + 0.01 * (place + 0.7 * uniform($seed, 'later', stream.number, place))
        ) AS day,
        uniform($seed, 'handover', stream.number, place) AS handover,
        uniform($seed, 'left out', stream.number, place) AS left_out,
        channel = 'ivr' OR uniform($seed, 'opened', stream.number, place) < 0.5 AS opened,
        uniform($seed, 'hung up', stream.number, place)
            < CASE WHEN channel = 'ivr' THEN 0.85 ELSE 0.37 END AS ended,
        2 + least(38, lasting(uniform($seed, 'length', stream.number, place), 4.4) // 1000000)
            AS messages
    FROM made_stream stream, range(stream.conversations) series(place)
), shaped AS (
    SELECT
        * EXCLUDE (messages, handover),
        CASE
            WHEN handover < 0.045 THEN 'named'
            WHEN handover < 0.055 THEN 'named start'
            WHEN handover < 0.063 THEN 'nameless'
            WHEN handover < 0.070 THEN 'nameless end'
            WHEN handover < 0.080 THEN 'without end'
            WHEN handover < 0.085 THEN 'unannounced'
        END AS handover,
        opened::INTEGER AS opening,
        messages + CASE WHEN handover < 0.085 THEN 6 ELSE 0 END AS messages
    FROM conversation
), sized AS (
    SELECT *, opening + messages + ended::INTEGER AS size FROM shaped
), counted AS (
    SELECT *, sum(size) OVER (ORDER BY number ROWS UNBOUNDED PRECEDING) AS total FROM sized
)
SELECT
    * EXCLUDE (size, total, day),
    opening + 2 AS handed_over,
    opening + 2
        + floor((messages - 3) * uniform($seed, 'handed back', stream, place))::INTEGER + 1
        AS handed_back,
    $first_day + to_microseconds(
        ((floor(day) + (day % 1) + 0.8 / (2 * pi()) * sin(2 * pi() * (day % 1)))
            * 86400000000)::BIGINT
    ) AS started_at,
    -- The last conversation is cut off, so that there are exactly as many events as asked for.
    least(size, $told - (total - size))::INTEGER AS kept,
    size
FROM counted
WHERE total - size < $told
"""

# What is said in a conversation, one row each, with the time since the row before. People make
# longer pauses than bots; one event in a hundred comes at the instant of the one before.
TOLD = """
CREATE OR REPLACE TEMP TABLE told AS
WITH part AS (
    SELECT
        conversation.*,
        index,
        hash($seed, 'said', conversation.number, index) AS dice,
        uniform($seed, 'pause', conversation.number, index) AS pause,
        uniform($seed, 'length', conversation.number, index) AS length,
        handover IS NOT NULL AND index BETWEEN handed_over AND handed_back AS with_agent
    FROM made_conversation conversation, range(kept) series(index)
), typed AS (
    SELECT
        *,
        CASE
            WHEN opened AND index = 0 THEN 1
            WHEN ended AND index = size - 1 THEN 5
            WHEN with_agent AND handover <> 'unannounced' AND index = handed_over THEN 3
            WHEN with_agent AND index = handed_back
                AND handover IN ('named', 'nameless', 'nameless end') THEN 4
            -- A second agent who joins or leaves.
            WHEN with_agent AND dice % 20 = 0 THEN 3 + dice // 20 % 2
            ELSE 2
        END AS type
    FROM part
)
SELECT
    stream,
    number,
    index,
    started_at + to_microseconds(sum(
        CASE
            WHEN index = 0 OR pause < 0.01 THEN 0
            WHEN pause > CASE WHEN with_agent THEN 0.92 WHEN channel = 'ivr' THEN 0.998
                ELSE 0.985 END
            THEN 900000000 + lasting(length, 1200)
            WHEN channel = 'ivr' THEN lasting(length, 12)
            ELSE 1000 + lasting(length, 45)
        END
    ) OVER (PARTITION BY number ORDER BY index ROWS UNBOUNDED PRECEDING)::BIGINT) AS "at",
    type,
    CASE
        WHEN type <> 2 THEN 0
        WHEN with_agent THEN CASE
            WHEN dice % 100 < 50 THEN 3 WHEN dice % 100 < 95 THEN 1 ELSE 2 END
        WHEN dice % 10 = 0 THEN 2 - (index - opening) % 2
        ELSE 1 + (index - opening) % 2
    END AS direction,
    CASE
        WHEN type NOT IN (3, 4) THEN ''
        WHEN handover = 'nameless' OR type = 4 AND handover = 'nameless end' THEN ''
        WHEN index IN (handed_over, handed_back)
        THEN printf('agent-%02d', hash($seed, 'agent', number) % 40)
        ELSE printf('agent-%02d', dice // 40 % 40)
    END AS agent,
    channel = 'ivr' OR hash($seed, 'spoken', number) % 400 = 0 AS voice,
    left_out < 0.005 AS developer,
    left_out BETWEEN 0.005 AND 0.01 AS test
FROM typed
"""

# Alerts and notifications go to users who have conversations too.
SENT = """
CREATE OR REPLACE TEMP TABLE sent AS
SELECT
    floor($streams * uniform($seed, 'to', index, 0))::BIGINT AS stream,
    -1 - index AS number,
    0 AS index,
    $first_day
        + to_microseconds((uniform($seed, 'sent', index, 0) * $days * 86400000000)::BIGINT) AS "at",
    CASE WHEN index < $alerts THEN 10 ELSE 12 END AS type,
    0 AS direction,
    '' AS agent,
    false AS voice,
    hash($seed, 'developer', index) % 100 = 0 AS developer,
    false AS test
FROM range($alerts + $notifications) series(index)
"""

# Events arrive nearly in order of time: each up to two minutes late.
EVENTS = """
CREATE OR REPLACE TABLE event AS
WITH everything AS (
    FROM told UNION ALL BY NAME FROM sent
), arrived AS (
    SELECT
        *,
        row_number() OVER (
            ORDER BY
                "at" + to_microseconds((120000000 * uniform($seed, 'late', number, index))::BIGINT),
                number,
                index
        ) AS arrival
    FROM everything
)
SELECT
    arrival AS number,
    source,
    {event_id} AS event_id,
    bot,
    channel,
    "user",
    CASE WHEN type <= 5 THEN conversation ELSE '' END AS conversation,
    "at",
    type::SMALLINT AS type,
    direction::SMALLINT AS direction,
    agent,
    voice,
    developer,
    test
FROM arrived
JOIN made_stream stream ON stream.number = arrived.stream
ORDER BY arrival
"""
RANDOM_ID = """printf('%016x-%016x',
    hash($seed, 'id', arrived.number, index), hash(index, arrived.number, 'id', $seed))"""
ORDERED_ID = """printf('%016x-%016x', epoch_us("at"), arrival)"""

LINES = """
SELECT concat(
    '{"specversion":"1.0","id":"', event_id, '","source":"', source,
    '","type":"', CASE type
        WHEN 1 THEN 'conversation.started'
        WHEN 2 THEN 'conversation.message'
        WHEN 3 THEN 'agent.transfer_started'
        WHEN 4 THEN 'agent.transfer_ended'
        WHEN 5 THEN 'conversation.ended'
        WHEN 10 THEN 'alert.delivered'
        WHEN 12 THEN 'notification.delivered'
    END,
    '","subject":"', bot, '","time":"', strftime("at", '%Y-%m-%dT%H:%M:%S.%fZ'),
    '","data":{"user":"', "user", '","channel":"', channel, '"',
    CASE WHEN conversation <> '' THEN concat(',"conversation":"', conversation, '"') END,
    CASE direction
        WHEN 1 THEN ',"direction":"user"'
        WHEN 2 THEN ',"direction":"bot"'
        WHEN 3 THEN ',"direction":"agent"'
    END,
    CASE WHEN agent <> '' THEN concat(',"agent":"', agent, '"') END,
    CASE WHEN voice THEN ',"modality":"voice"' END,
    CASE type WHEN 10 THEN ',"alert":"report"' WHEN 12 THEN ',"notification":"reminder"' END,
    CASE WHEN developer THEN ',"developer":true' END,
    CASE WHEN test THEN ',"environment":"test"' END,
    '}}'
)
FROM event
ORDER BY number
"""


def make(
    connection: duckdb.DuckDBPyConnection,
    *,
    events: int,
    seed: int,
    ordered_ids: bool,
    first_day: date = FIRST_DAY,
    days: int = DAYS,
) -> None:
    """Make a table ``event`` with exactly so many rows, whose columns are ``COLUMNS``.

    ``number`` is the order of arrival, nearly that of time; ``at`` is UTC without saying so;
    ``type`` and ``direction`` are numbers of `usage.sessions`. No source and id comes twice.
    """
    alerts = events * 3 // 100
    notifications = events // 100
    values = {
        "seed": seed,
        "bots": BOTS,
        # A stream has nearly 9 events: enough of them for what is to be told.
        "streams": events // 8 + 200,
        "told": events - alerts - notifications,
        "alerts": alerts,
        "notifications": notifications,
        "first_day": first_day,
        "days": days,
    }
    connection.execute(MACROS)
    event_id = ORDERED_ID if ordered_ids else RANDOM_ID
    for sql in (STREAMS, CONVERSATIONS, TOLD, SENT, EVENTS.format(event_id=event_id)):
        used = {name: value for name, value in values.items() if f"${name}" in sql}
        connection.execute(sql, used)
    for table in ("made_stream", "made_conversation", "told", "sent"):
        connection.execute(f"DROP TABLE {table}")


def write_ndjson(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write the events as CloudEvents, one a line, in order of arrival.

    Nothing in them needs escaping in JSON.
    """
    # A format of one column, without quotes and with a delimiter that does not occur.
    as_lines = r"(FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')"
    connection.execute(f"COPY ({LINES}) TO {quote(path)} {as_lines}")


def quote(path: Path) -> str:
    """Return the path as a literal of SQL: the target of a COPY cannot be bound."""
    return "'" + str(path).replace("'", "''") + "'"
