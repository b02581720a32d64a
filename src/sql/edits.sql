-- table lines
SELECT shard, 'delete' AS what, idx, db, key, CAST(NULL AS @binary@) AS member, CAST(NULL AS @double@) AS score,
    CAST(NULL AS @binary@) AS value, reason, CAST(NULL AS @binary@) AS reason_key, CAST(NULL AS @text@) AS at_shard,
    CAST(NULL AS BIGINT) AS at_byte FROM deleted0
UNION ALL
SELECT shard, what, idx, db, key, member, score, value, CAST(NULL AS @text@), CAST(NULL AS @binary@),
    CASE WHEN by_key = 1 THEN at_shard END, CASE WHEN by_key = 1 THEN at_byte END FROM added
UNION ALL
SELECT shard, 'remove', idx, db, key, member, CAST(NULL AS @double@), CAST(NULL AS @binary@), reason, reason_key,
    CAST(NULL AS @text@), CAST(NULL AS BIGINT) FROM removed
