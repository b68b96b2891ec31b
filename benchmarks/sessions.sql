-- Session rule 1 as one statement of DuckDB: the sessions of all events of a table `event` as of
-- $now. It is general: nothing in it is fitted to the benchmark's events.
--
-- `event` has each source and id once, as the console stores them. Instants are integers of
-- microseconds; 900000000 is 15:00 and 86400000000 a day. Types are 1 started, 2 message,
-- 3 transfer started, 4 transfer ended, 5 ended, 10 alert and 12 notification delivered; directions
-- 1 user, 2 bot, 3 agent; kinds 1 usage, 2 alert, 3 voice, 4 notification.
--
-- Events are reduced to pieces without a pause as early as possible, and a conversation is some
-- pieces. Only conversations with agents are looked at event by event again.
WITH counted AS NOT MATERIALIZED (
    SELECT *, epoch_us("at") AS instant
    FROM event
    WHERE type IN (1, 2, 3, 4, 5, 10, 12) AND NOT developer AND NOT test AND "at" <= $now
), stream AS MATERIALIZED (
    SELECT
        (row_number() OVER ())::INTEGER AS stream,
        bot,
        channel,
        "user",
        conversation,
        channel IN ('ivr', 'ivrvoice', 'twiliovoice', 'audiocodes', 'korevg', 'voice', 'phone')
            AS voice
    FROM (SELECT DISTINCT bot, channel, "user", conversation FROM counted WHERE type <= 5)
),

-- At one instant only the first `conversation.ended` by source and id ends anything; another one
-- stands alone and is ignored.
tied_end AS (
    SELECT bot, channel, "user", conversation, "at"
    FROM counted
    WHERE type = 5
    GROUP BY ALL
    HAVING count(*) > 1
), repeated_end AS (
    SELECT number
    FROM counted
    JOIN tied_end USING (bot, channel, "user", conversation, "at")
    WHERE type = 5
    QUALIFY row_number() OVER (
        PARTITION BY bot, channel, "user", conversation, "at" ORDER BY source, event_id
    ) > 1
),

-- Pieces: runs of events without a `conversation.ended` before the last and without a pause. A
-- segment lies between two `conversation.ended`. Events of one type at one instant may come in any
-- order here.
in_segment AS (
    SELECT
        number,
        stream,
        instant,
        type,
        direction,
        counted.voice OR stream.voice AS voice,
        instant - lag(instant) OVER in_order > 900000000 AS after_pause,
        coalesce(sum((type = 5)::INTEGER) OVER (
            in_order ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0)::INTEGER AS segment
    FROM counted
    JOIN stream USING (bot, channel, "user", conversation)
    ANTI JOIN repeated_end USING (number)
    WHERE type <= 5
    WINDOW in_order AS (PARTITION BY stream ORDER BY instant, type)
), in_piece AS MATERIALIZED (
    SELECT
        *,
        coalesce(sum(after_pause::INTEGER) OVER (
            PARTITION BY stream ORDER BY instant RANGE UNBOUNDED PRECEDING
        ), 0)::INTEGER AS piece
    FROM in_segment
), piece AS MATERIALIZED (
    SELECT
        stream,
        segment,
        piece,
        min(instant) AS first_at,
        max(instant) AS last_at,
        min(instant) FILTER (type NOT IN (4, 5)) AS opened_at,
        max(instant) FILTER (type = 1) AS started_at,
        min(instant) FILTER (direction = 1) AS first_user_at,
        max(instant) FILTER (direction IN (1, 2)) AS last_said_at,
        bool_or(type = 5) AS ended,
        bool_or(voice) AS voice,
        bool_or(type = 3 OR direction = 3) AS with_agent
    FROM in_piece
    GROUP BY stream, segment, piece
),

-- Pairs of transfers. First each agent's own starts and ends, and ends without an id for every
-- agent; then the starts without an id, and the ends that are left or name nobody. The level is the
-- number of open starts, so a start and its end are neighbors on their level. A pair of more than a
-- day is none; what is below it on the stack is older still.
transfer AS MATERIALIZED (
    SELECT
        stream,
        segment,
        piece,
        instant,
        in_piece.type,
        agent,
        row_number() OVER (
            PARTITION BY stream, segment ORDER BY instant, in_piece.type, source, event_id
        ) AS place
    FROM in_piece
    JOIN event USING (number)
    WHERE in_piece.type IN (3, 4) AND event.type IN (3, 4)
), named AS (
    SELECT stream, segment, agent, place, instant, type FROM transfer WHERE agent <> ''
    UNION ALL
    SELECT stream, segment, starting.agent, place, instant, type
    FROM transfer
    JOIN (SELECT DISTINCT stream, segment, agent FROM transfer WHERE type = 3 AND agent <> '')
        AS starting USING (stream, segment)
    WHERE transfer.type = 4 AND transfer.agent = ''
), named_open AS (
    SELECT
        *,
        sum(CASE type WHEN 3 THEN 1 ELSE -1 END) OVER (
            PARTITION BY stream, segment, agent ORDER BY place
        ) AS open
    FROM named
), named_level AS (
    SELECT
        *,
        open - least(0, min(open) OVER (PARTITION BY stream, segment, agent ORDER BY place))
            + (type = 4)::INTEGER AS level
    FROM named_open
), named_pair AS MATERIALIZED (
    SELECT
        stream,
        segment,
        place,
        instant,
        type = 3 AND lead(type) OVER on_level = 4 AS paired,
        lead(place) OVER on_level AS end_place,
        lead(instant) OVER on_level AS ended_at
    FROM named_level
    WINDOW on_level AS (PARTITION BY stream, segment, agent, level ORDER BY place)
    QUALIFY paired AND ended_at - instant <= 86400000000
), nameless AS (
    SELECT stream, segment, place, instant, type
    FROM transfer
    WHERE agent = ''
        OR type = 4 AND (stream, segment, place) NOT IN (
            SELECT (stream, segment, end_place) FROM named_pair
        )
), nameless_open AS (
    SELECT
        *,
        sum(CASE type WHEN 3 THEN 1 ELSE -1 END) OVER (
            PARTITION BY stream, segment ORDER BY place
        ) AS open
    FROM nameless
), nameless_level AS (
    SELECT
        *,
        open - least(0, min(open) OVER (PARTITION BY stream, segment ORDER BY place))
            + (type = 4)::INTEGER AS level
    FROM nameless_open
), nameless_pair AS (
    SELECT
        stream,
        segment,
        place,
        instant,
        type = 3 AND lead(type) OVER on_level = 4 AS paired,
        lead(instant) OVER on_level AS ended_at
    FROM nameless_level
    WINDOW on_level AS (PARTITION BY stream, segment, level ORDER BY place)
    QUALIFY paired AND ended_at - instant <= 86400000000
), pair AS MATERIALIZED (
    SELECT stream, segment, place, instant, ended_at FROM named_pair
    UNION ALL
    SELECT stream, segment, place, instant, ended_at FROM nameless_pair
),

-- What no pause cuts: pairs of transfers, and calls. Overlapping or touching ones are merged.
voice_segment AS MATERIALIZED (
    SELECT stream, segment, max(started_at) AS started_at, max(last_at) AS ended_at,
        bool_or(ended) AS ended
    FROM piece
    GROUP BY stream, segment
    HAVING bool_or(voice)
), uncut AS (
    SELECT stream, segment, instant AS started_at, ended_at FROM pair
    UNION ALL
    SELECT stream, segment, started_at, ended_at
    FROM voice_segment
    WHERE ended AND ended_at - started_at <= 86400000000
), uncut_reach AS (
    SELECT
        *,
        max(ended_at) OVER (
            PARTITION BY stream, segment ORDER BY started_at, ended_at
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS reach
    FROM uncut
), uncut_numbered AS (
    SELECT
        *,
        sum((reach IS NULL OR started_at > reach)::INTEGER) OVER (
            PARTITION BY stream, segment ORDER BY started_at, ended_at ROWS UNBOUNDED PRECEDING
        ) AS run
    FROM uncut_reach
), uncut_run AS (
    SELECT stream, segment, min(started_at) AS started_at, max(ended_at) AS ended_at
    FROM uncut_numbered
    GROUP BY stream, segment, run
), bridged AS (
    SELECT stream, segment, piece
    FROM (
        SELECT
            stream,
            segment,
            piece,
            first_at,
            lag(last_at) OVER (PARTITION BY stream, segment ORDER BY piece) AS before_at
        FROM piece
        SEMI JOIN uncut_run USING (stream, segment)
    ) pause
    JOIN uncut_run USING (stream, segment)
    WHERE started_at <= before_at AND ended_at >= first_at
),

-- Conversations. What has nothing that could open it is ignored.
numbered_piece AS MATERIALIZED (
    SELECT
        piece.*,
        voice_segment.stream IS NOT NULL AS in_voice,
        sum((bridged.stream IS NULL)::INTEGER) OVER (
            PARTITION BY piece.stream ORDER BY piece.segment, piece.piece ROWS UNBOUNDED PRECEDING
        )::INTEGER AS run
    FROM piece
    LEFT JOIN bridged USING (stream, segment, piece)
    LEFT JOIN voice_segment USING (stream, segment)
), conversation AS MATERIALIZED (
    SELECT
        *,
        ended OR epoch_us($now) - last_at > 900000000
            OR lead(true) OVER (PARTITION BY stream ORDER BY run) IS NOT NULL AS closed
    FROM (
        SELECT
            stream,
            run,
            min(opened_at) AS first_at,
            max(last_at) AS last_at,
            min(first_user_at) AS first_user_at,
            max(last_said_at) AS last_said_at,
            bool_or(ended) AS ended,
            bool_or(in_voice) AS voice,
            bool_or(with_agent) AS with_agent
        FROM numbered_piece
        GROUP BY stream, run
        HAVING min(opened_at) IS NOT NULL
    ) whole
),

-- Agent time: transfers first, then what agents write outside of them, up to the next later message
-- of the bot.
handled_event AS MATERIALIZED (
    SELECT stream, run, instant, direction
    FROM in_piece
    JOIN (
        SELECT stream, segment, piece, run
        FROM numbered_piece
        SEMI JOIN (FROM conversation WHERE with_agent) handled USING (stream, run)
    ) handled_piece USING (stream, segment, piece)
    WHERE direction > 0
), transferred AS MATERIALIZED (
    SELECT
        stream,
        run,
        transfer.instant AS started_at,
        coalesce(
            pair.ended_at,
            lead(transfer.instant) OVER (PARTITION BY stream, run, agent ORDER BY segment, place)
        ) AS ended_at
    FROM transfer
    JOIN numbered_piece USING (stream, segment, piece)
    LEFT JOIN pair USING (stream, segment, place)
    WHERE type = 3
), transferred_to AS MATERIALIZED (
    SELECT stream, run, started_at, coalesce(ended_at, last_at) AS ended_at
    FROM transferred
    JOIN conversation USING (stream, run)
), answered AS (
    SELECT
        *,
        min(instant) FILTER (direction = 2) OVER (
            PARTITION BY stream, run ORDER BY instant
            RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ) AS answered_at
    FROM handled_event
), unannounced AS (
    SELECT stream, run, instant, answered_at
    FROM answered message
    WHERE direction = 3 AND NOT EXISTS (
        SELECT 1 FROM transferred_to
        WHERE transferred_to.stream = message.stream AND transferred_to.run = message.run
            AND message.instant BETWEEN transferred_to.started_at AND transferred_to.ended_at
    )
), answer AS (
    -- A message at the very instant of an answer opens nothing where something lasts up to it. Such
    -- answers make chains, of which every second one is opened.
    SELECT
        stream,
        run,
        answered_at,
        min(instant) AS first_at,
        nullif(max(instant), min(instant)) IS NOT NULL AS has_later,
        list_sort(list(instant)) AS instants
    FROM unannounced
    GROUP BY stream, run, answered_at
), answer_linked AS (
    SELECT
        *,
        coalesce(first_at = lag(answered_at) OVER (
            PARTITION BY stream, run ORDER BY answered_at NULLS LAST
        ), false) AS linked
    FROM answer
), answer_chained AS (
    SELECT
        *,
        sum((NOT linked OR has_later)::INTEGER) OVER (
            PARTITION BY stream, run ORDER BY answered_at NULLS LAST
        ) AS chain
    FROM answer_linked
), answer_opened AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY stream, run, chain ORDER BY answered_at NULLS LAST
        ) % 2 = 1 AS opened
    FROM answer_chained
), spoken AS (
    SELECT
        stream,
        run,
        CASE
            WHEN linked AND lag(opened) OVER (
                PARTITION BY stream, run ORDER BY answered_at NULLS LAST
            ) THEN list_min(list_filter(instants, lambda instant: instant > first_at))
            ELSE first_at
        END AS started_at,
        answered_at AS ended_at,
        opened
    FROM answer_opened
), handling AS MATERIALIZED (
    SELECT stream, run, started_at, coalesce(ended_at, last_at) AS ended_at,
        ended_at IS NULL AS lasting
    FROM (
        SELECT stream, run, started_at, ended_at FROM transferred
        UNION ALL
        SELECT stream, run, started_at, ended_at FROM spoken WHERE opened
    ) handling
    JOIN conversation USING (stream, run)
), handling_reach AS (
    SELECT
        *,
        max(ended_at) OVER (
            PARTITION BY stream, run ORDER BY started_at, ended_at
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS reach
    FROM handling
), handling_numbered AS (
    SELECT
        *,
        sum((reach IS NULL OR started_at > reach)::INTEGER) OVER (
            PARTITION BY stream, run ORDER BY started_at, ended_at ROWS UNBOUNDED PRECEDING
        ) AS stretch
    FROM handling_reach
), agent_time AS MATERIALIZED (
    SELECT stream, run, min(started_at) AS started_at, max(ended_at) AS ended_at,
        max(started_at) AS last_start_at
    FROM handling_numbered
    GROUP BY stream, run, stretch
),

-- Clocks of conversations with agents, and the bot time in them.
lasting AS (
    SELECT stream, run, min(started_at) AS lasting_from
    FROM handling
    WHERE lasting
    GROUP BY stream, run
), with_bot AS (
    SELECT
        stream,
        run,
        min(instant) FILTER (direction = 1) AS first_user_at,
        max(instant) AS last_said_at
    FROM handled_event message
    LEFT JOIN lasting USING (stream, run)
    WHERE direction IN (1, 2)
        AND (lasting_from IS NULL OR instant <= lasting_from)
        AND NOT EXISTS (
            SELECT 1 FROM agent_time
            WHERE agent_time.stream = message.stream AND agent_time.run = message.run
                AND message.instant > agent_time.started_at
                AND message.instant < agent_time.ended_at
        )
    GROUP BY stream, run
), handled_clock AS MATERIALIZED (
    SELECT
        stream,
        run,
        closed,
        voice,
        with_bot.first_user_at IS NOT NULL AS spoken,
        CASE WHEN voice THEN first_at ELSE with_bot.first_user_at END AS started_at,
        CASE WHEN voice THEN last_at ELSE greatest(with_bot.last_said_at, handed_over_at) END
            AS ended_at
    FROM conversation
    LEFT JOIN with_bot USING (stream, run)
    LEFT JOIN (
        -- What starts outside agent time starts a stretch of it, or has no length and ends one.
        SELECT
            stream,
            run,
            max(if(last_start_at = ended_at, ended_at, started_at)) AS handed_over_at
        FROM agent_time
        GROUP BY stream, run
    ) handed_over USING (stream, run)
    WHERE with_agent AND (voice OR with_bot.first_user_at IS NOT NULL)
), edge AS (
    SELECT stream, run, started_at AS until_at, ended_at AS next_at FROM agent_time
    UNION ALL
    SELECT stream, run, ended_at, ended_at FROM handled_clock
), bot_piece AS (
    SELECT
        stream,
        run,
        greatest(started_at, lag(next_at) OVER (
            PARTITION BY stream, run ORDER BY until_at, next_at
        )) AS from_at,
        least(ended_at, until_at) AS to_at
    FROM edge
    JOIN handled_clock USING (stream, run)
    QUALIFY from_at < to_at
), bot_time AS MATERIALIZED (
    SELECT
        *,
        sum(to_at - from_at) OVER (PARTITION BY stream, run ORDER BY from_at)::BIGINT AS passed_to,
        passed_to - (to_at - from_at) AS passed_from
    FROM bot_piece
), handled_block AS (
    SELECT
        *,
        unnest(range(1, 1 + greatest(1, (bot_time + 899999999) // 900000000))) AS number
    FROM (
        SELECT handled_clock.*, coalesce(total, 0) AS bot_time
        FROM handled_clock
        LEFT JOIN (
            SELECT stream, run, max(passed_to) AS total FROM bot_time GROUP BY stream, run
        ) whole USING (stream, run)
    ) measured
    WHERE spoken OR bot_time > 0
),

-- Blocks of clocks without a pause: conversations without agents, and whole calls.
straight AS (
    SELECT stream, run, closed, 1 AS kind,
        CASE WHEN voice THEN first_at ELSE first_user_at END AS started_at,
        CASE WHEN voice THEN last_at ELSE last_said_at END AS ended_at
    FROM conversation
    WHERE NOT with_agent
        AND (first_user_at IS NOT NULL OR voice AND last_at > first_at)
    UNION ALL
    SELECT stream, run, closed, 3, first_at, last_at
    FROM conversation
    WHERE voice
), straight_block AS (
    SELECT
        *,
        unnest(range(1, 1 + greatest(1, (ended_at - started_at + 899999999) // 900000000)))
            AS number
    FROM straight
), block AS (
    SELECT
        stream,
        run,
        kind,
        number,
        closed,
        started_at + (number - 1) * 900000000 AS started_at,
        least(ended_at, started_at + number * 900000000) AS ended_at,
        closed OR started_at + number * 900000000 <= ended_at AS completed
    FROM straight_block
    UNION ALL
    SELECT
        block.stream,
        block.run,
        1,
        number,
        closed,
        CASE number
            WHEN 1 THEN started_at
            ELSE starting.from_at + (number - 1) * 900000000 - starting.passed_from
        END,
        coalesce(ending.from_at + number * 900000000 - ending.passed_from, ended_at),
        closed OR number * 900000000 <= bot_time
    FROM handled_block block
    LEFT JOIN bot_time starting
        ON starting.stream = block.stream AND starting.run = block.run
        AND (number - 1) * 900000000 >= starting.passed_from
        AND (number - 1) * 900000000 < starting.passed_to
    LEFT JOIN bot_time ending
        ON ending.stream = block.stream AND ending.run = block.run
        AND number * 900000000 > ending.passed_from
        AND number * 900000000 <= ending.passed_to
)
SELECT
    bot,
    channel,
    "user",
    stream.conversation,
    kind::SMALLINT AS kind,
    number::INTEGER AS number,
    make_timestamp(block.started_at) AS started_at,
    make_timestamp(block.ended_at) AS ended_at,
    make_timestamp(conversation.first_at) AS conversation_started_at,
    make_timestamp(conversation.last_at) AS conversation_ended_at,
    block.closed,
    completed
FROM block
JOIN conversation USING (stream, run)
JOIN stream USING (stream)
UNION ALL
SELECT
    bot,
    channel,
    "user",
    conversation,
    CASE type WHEN 10 THEN 2 ELSE 4 END,
    row_number() OVER (PARTITION BY bot, channel, "user", conversation, type, "at"),
    "at",
    "at",
    NULL,
    NULL,
    true,
    true
FROM counted
WHERE type IN (10, 12)
