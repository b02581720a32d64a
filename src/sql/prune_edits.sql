UNION ALL
SELECT shard, 'delete', idx, db, key, CAST(NULL AS @binary@), CAST(NULL AS @double@), CAST(NULL AS @binary@),
    'named keys gone', CAST(NULL AS @binary@), CAST(NULL AS @text@), CAST(NULL AS BIGINT) FROM pruned
UNION ALL
SELECT shard, 'remove', idx, db, key, member, CAST(NULL AS @double@), CAST(NULL AS @binary@), 'named key gone',
    CAST(NULL AS @binary@), CAST(NULL AS @text@), CAST(NULL AS BIGINT) FROM pruned_entries
