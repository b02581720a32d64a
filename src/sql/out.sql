-- table edits
-- What each shard's plan needs: its edits, its numbers and those of all, and the shards that there are.
SELECT shard, what, idx, db, key, member, score, value, reason, reason_key, at_shard, at_byte, CAST(NULL AS @text@) AS name,
    CAST(NULL AS BIGINT) AS n FROM lines
UNION ALL
SELECT shard, 'count', idx, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, name, CAST(sum(n) AS BIGINT)
FROM numbers GROUP BY shard, idx, name
UNION ALL
SELECT s.shard, 'total', t.idx, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, t.name, t.n
FROM f_shards s CROSS JOIN (SELECT idx, name, CAST(sum(n) AS BIGINT) AS n FROM numbers GROUP BY idx, name) t
UNION ALL
SELECT s.shard, 'shard', NULL, NULL, NULL, NULL, NULL, o.facts, NULL, NULL, NULL, NULL, o.shard,
    CASE WHEN o.shard = s.shard THEN coalesce(l.n, 0) END
FROM f_shards s CROSS JOIN f_shards o
LEFT JOIN (SELECT shard, count(*) AS n FROM lines GROUP BY shard) l ON l.shard = s.shard
UNION ALL
SELECT s.shard, 'given', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '@given@', NULL FROM f_shards s
