-- table absent
SELECT h.shard, r.joint AS idx, r.key FROM ranks r
LEFT JOIN there t ON t.joint = r.joint AND t.key = r.key
LEFT JOIN disputed d ON d.joint = r.joint AND d.key = r.key
LEFT JOIN home_of h ON h.slot = r.slot WHERE r.live = 1 AND t.key IS NULL AND d.key IS NULL;

-- table key_counts
SELECT f.shard, f.own AS idx,
    sum(1) AS keys,
    sum(CASE WHEN f.desired = 1 AND f.is_right_type = 1 AND d.key IS NULL THEN 1 ELSE 0 END) AS correct_keys,
    sum(CASE WHEN f.is_right_type = 1 THEN f.elements ELSE 0 END) AS members,
    sum(f.is_right_type) AS typed_keys,
    sum(CASE WHEN f.contested = 0 AND NOT ((f.desired = 1 AND f.is_right_type = 1) OR f.frozen = 1 OR f.holds = 1)
        THEN 1 ELSE 0 END) AS exposed_keys,
    sum(CASE WHEN f.contested = 0 AND f.other_frozen = 1 AND f.own_frozen = 0 THEN 1 ELSE 0 END) AS overlapped_keys,
    sum(CASE WHEN f.fate = 'held' OR (f.fate = 'stay' AND f.kept = '' AND NOT (f.desired = 1 AND f.is_right_type = 1))
        THEN 1 ELSE 0 END) AS held_keys,
    sum(f.contested) AS contested_keys,
    sum(CASE WHEN f.contested = 0 AND f.kept = 'other-type' THEN 1 ELSE 0 END) AS kept_other_type,
    sum(CASE WHEN f.contested = 0 AND f.kept = 'nested' THEN 1 ELSE 0 END) AS kept_nested,
    sum(CASE WHEN f.contested = 0 AND f.kept = 'foreign-members' THEN 1 ELSE 0 END) AS kept_foreign_keys,
    sum(CASE WHEN f.contested = 0 AND f.b_other = 1 AND f.acc_other = 1 THEN 1 ELSE 0 END) AS lifted_other_type,
    sum(CASE WHEN f.contested = 0 AND f.b_nested = 1 AND f.acc_nested = 1 AND f.kept <> 'other-type'
        THEN 1 ELSE 0 END) AS lifted_nested,
    sum(CASE WHEN f.contested = 0 AND f.b_foreign = 1 AND f.kept = '' THEN 1 ELSE 0 END) AS lifted_foreign_keys
FROM fated f LEFT JOIN disputed_keys d ON d.db = f.db AND d.key = f.key GROUP BY f.shard, f.own;

-- table member_counts
SELECT s.shard, s.own AS idx,
    sum(CASE WHEN s.status = 'stale' AND d.key IS NULL THEN 1 ELSE 0 END) AS stale_members,
    sum(CASE WHEN s.status IN ('held', 'right, held') THEN 1 ELSE 0 END) AS held_members,
    sum(CASE WHEN s.status = 'conflict' THEN 1 ELSE 0 END) AS conflict_members,
    sum(CASE WHEN s.status = 'right, expires' THEN 1 ELSE 0 END) AS expiring_members,
    sum(CASE WHEN s.acc_foreign = 0 AND s.status = 'foreign' THEN 1 ELSE 0 END) AS kept_foreign_members,
    sum(CASE WHEN s.acc_foreign = 1 AND s.is_foreign = 1 AND s.status IN ('foreign', 'stale') THEN 1 ELSE 0 END)
        AS lifted_foreign_members
FROM seen s LEFT JOIN disputed_keys d ON d.db = s.db AND d.key = s.key GROUP BY s.shard, s.own;

-- table implied_counts
SELECT h.shard, c.joint AS idx,
    sum(CASE WHEN c.conflict = 0 AND c.status IN ('missing', 'change') THEN 1 ELSE 0 END) AS missing_members,
    sum(CASE WHEN c.conflict = 0 AND c.status = 'missing' AND c.is_there = 1 THEN 1 ELSE 0 END) AS missing_from_existing,
    sum(CASE WHEN c.status IN ('right', 'right, held', 'right, expires') THEN 1 ELSE 0 END) AS right_members
FROM crossed c LEFT JOIN home_of h ON h.slot = c.slot GROUP BY h.shard, c.joint;

-- view no_shard
SELECT min(shard) AS shard FROM f_shards;

-- table numbers
SELECT shard, idx, 'keys' AS name, keys AS n FROM key_counts
UNION ALL SELECT shard, idx, 'correct keys', correct_keys FROM key_counts
UNION ALL SELECT shard, idx, 'members', members FROM key_counts
UNION ALL SELECT shard, idx, 'typed keys', typed_keys FROM key_counts
UNION ALL SELECT shard, idx, 'exposed keys', exposed_keys FROM key_counts
UNION ALL SELECT shard, idx, 'overlapped keys', overlapped_keys FROM key_counts
UNION ALL SELECT shard, idx, 'held keys', held_keys FROM key_counts
UNION ALL SELECT shard, idx, 'contested keys', contested_keys FROM key_counts
UNION ALL SELECT shard, idx, 'kept other type', kept_other_type FROM key_counts
UNION ALL SELECT shard, idx, 'kept nested', kept_nested FROM key_counts
UNION ALL SELECT shard, idx, 'kept foreign keys', kept_foreign_keys FROM key_counts
UNION ALL SELECT shard, idx, 'lifted other type', lifted_other_type FROM key_counts
UNION ALL SELECT shard, idx, 'lifted nested', lifted_nested FROM key_counts
UNION ALL SELECT shard, idx, 'lifted foreign keys', lifted_foreign_keys FROM key_counts
UNION ALL SELECT shard, idx, 'stale members', stale_members FROM member_counts
UNION ALL SELECT shard, idx, 'held members', held_members FROM member_counts
UNION ALL SELECT shard, idx, 'conflict members', conflict_members FROM member_counts
UNION ALL SELECT shard, idx, 'expiring members', expiring_members FROM member_counts
UNION ALL SELECT shard, idx, 'kept foreign members', kept_foreign_members FROM member_counts
UNION ALL SELECT shard, idx, 'lifted foreign members', lifted_foreign_members FROM member_counts
UNION ALL SELECT shard, idx, 'missing members', missing_members FROM implied_counts
UNION ALL SELECT shard, idx, 'missing from existing', missing_from_existing FROM implied_counts
UNION ALL SELECT shard, idx, 'right members', right_members FROM implied_counts
UNION ALL SELECT shard, idx, 'absent keys', count(*) FROM absent GROUP BY shard, idx
UNION ALL SELECT s.shard, r.joint, 'has entry', count(*) FROM ranks r CROSS JOIN no_shard s WHERE r.live = 1
    GROUP BY s.shard, r.joint
UNION ALL SELECT s.shard, x.idx, 'orphan records', count(*) FROM (
        SELECT DISTINCT idx, shard, at_byte FROM want0 WHERE orphan = 1
    ) x CROSS JOIN no_shard s GROUP BY s.shard, x.idx
UNION ALL SELECT shard, idx, name, sum(n) FROM v_counts GROUP BY shard, idx, name
