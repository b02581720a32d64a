-- table clock
-- What has expired is decided by the earliest clock: nothing had in the whole before its first part was made.
SELECT coalesce(min(ctime_ms), -2305843009213693952) AS c FROM f_shards;

-- check facts of another format
SELECT shard AS what FROM f_shards WHERE format_version <> @format@;

-- check facts of another spec, or scanned with another --only
SELECT shard AS what FROM f_shards WHERE spec_sha256 <> '@spec@';

-- check a shard that was scanned twice
SELECT shard AS what FROM f_shards GROUP BY shard HAVING count(*) > 1;

-- check one dump as two shards
SELECT min(shard) AS what FROM f_shards WHERE keys > 0 GROUP BY crc64, bytes HAVING count(*) > 1;

-- check a shard whose scan did not come to its end: scan it again
SELECT x.shard AS what FROM (SELECT DISTINCT shard FROM f_slots UNION SELECT DISTINCT shard FROM f_counts) x
LEFT JOIN f_shards s ON s.shard = x.shard WHERE s.shard IS NULL;

-- check no facts of any shard
SELECT 'the folder of the facts is empty' AS what FROM (SELECT count(*) AS n FROM f_shards) x WHERE n = 0;

-- check a key that is in two shards
SELECT concat(min(shard), ' and ', max(shard)) AS what FROM (
    SELECT shard, db, key FROM f_index_keys UNION ALL SELECT shard, db, key FROM f_prune_keys
) x GROUP BY db, key HAVING count(*) > 1;

-- check a record that is in two shards
SELECT 'of one class' AS what FROM f_records GROUP BY class, db, key HAVING count(*) > 1;

-- table named_now
SELECT n.db, n.key, max(1 - n.is_empty) AS full_one FROM f_named n CROSS JOIN clock WHERE c < n.to_ms GROUP BY n.db, n.key;

-- view v_counts
SELECT f.shard, f.idx, f.name, f.n @alive f_counts@;

-- view v_desired
SELECT f.shard, f.grp, f.member, f.score, f.value, f.at_byte @alive f_desired@;

-- view v_records
SELECT f.class, f.key @alive f_records@;

-- view v_unindexed
SELECT f.idx, f.key @alive f_unindexed@;

-- table und
SELECT DISTINCT f.idx, f.db, f.key @alive f_undecidable@;

-- table named_like
SELECT DISTINCT f.key @alive f_named_like@;

-- table records_after_all
-- Keys that are records because some other key is there.
SELECT DISTINCT x.db, x.key FROM f_conditional x CROSS JOIN clock
JOIN named_now n ON n.db = x.db AND n.key = x.need WHERE c < x.to_ms;

-- table v_index_keys
SELECT k.shard, k.db, k.key, k.slot, k.kind, k.idx, k.shared, k.elements, k.unreadable FROM f_index_keys k
CROSS JOIN clock LEFT JOIN records_after_all r ON r.db = k.db AND r.key = k.key WHERE c < k.to_ms AND r.key IS NULL;

-- view v_actual
SELECT a.db, a.key, a.el, a.member, a.has_value, a.value, a.score, a.expires, a.is_foreign FROM f_actual a
CROSS JOIN clock WHERE c < a.to_ms;

-- table cn
SELECT idx, name, sum(n) AS n FROM v_counts GROUP BY idx, name;

-- table frozen
-- 1: no record of its class can be decoded; 2: a record that cannot be might imply any member.
SELECT i.idx, CASE
    WHEN i.from_class >= 0 AND coalesce(d.n, 0) = 0 THEN 1
    WHEN coalesce(u.n, 0) > 0 AND i.names_record = 0 AND i.policy <> 'retire' THEN 2
    ELSE 0 END AS frozen
FROM ix i
LEFT JOIN cn d ON d.idx = i.from_class AND d.name = 'class decodable'
LEFT JOIN cn u ON u.idx = i.idx AND u.name = 'undecidable records';

-- table recs
SELECT DISTINCT class, key FROM v_records;

-- table orphan_groups
-- Whether the record is there that another one requires only all shards together can say.
SELECT DISTINCT r.shard, r.grp FROM f_requires r LEFT JOIN recs ON recs.class = r.class AND recs.key = r.key
WHERE recs.key IS NULL;

-- table want0
SELECT i.joint, g.idx, g.key, g.slot, d.member, d.score, d.value, d.shard, d.at_byte, i.by_key,
    CASE WHEN o.grp IS NULL THEN 0 ELSE 1 END AS orphan
FROM v_desired d
JOIN f_groups g ON g.shard = d.shard AND g.grp = d.grp
JOIN ix i ON i.idx = g.idx
LEFT JOIN orphan_groups o ON o.shard = d.shard AND o.grp = d.grp;

-- table ranks
-- Index keys that records imply.
SELECT joint, key, min(slot) AS slot, max(1 - orphan) AS live FROM want0 GROUP BY joint, key;

-- table want
-- What must be there: of one member with several scores nothing is certain.
SELECT joint, key, member, min(slot) AS slot, min(score) AS score, min(value) AS value, min(shard) AS at_shard,
    min(at_byte) AS at_byte, max(by_key) AS by_key,
    CASE WHEN min(score) <> max(score) OR min(value) <> max(value) THEN 1 ELSE 0 END AS conflict
FROM want0 WHERE orphan = 0 GROUP BY joint, key, member;

-- table contested
SELECT i.db, r.key FROM ranks r JOIN ix i ON i.idx = r.joint WHERE r.live = 1 GROUP BY i.db, r.key HAVING count(*) > 1;

-- table claims
SELECT f.db, f.key, min(f.idx) AS idx, count(DISTINCT i.joint) AS joints
FROM f_families f JOIN ix i ON i.idx = f.idx JOIN ranks r ON r.joint = i.joint AND r.key = f.key
WHERE r.live = 1 GROUP BY f.db, f.key;

-- table claimants
-- The indexes that decide what a key holds.
SELECT f.db, f.key, f.idx, z.frozen FROM f_families f JOIN ix i ON i.idx = f.idx JOIN frozen z ON z.idx = f.idx
WHERE i.policy <> 'retire';

-- table claimed
SELECT db, key, min(CASE WHEN frozen > 0 THEN idx END) AS first_frozen, max(CASE WHEN frozen > 0 THEN idx END) AS last_frozen
FROM claimants GROUP BY db, key;

-- table names_in
-- What elements name, where records are undecidable; nothing else asks.
SELECT x.db, x.key, x.el, x.name FROM (
    SELECT db, key, el, member AS name FROM f_actual
    UNION ALL SELECT db, key, el, value FROM f_actual WHERE has_value = 1 AND octet_length(value) > 0
    UNION ALL SELECT db, key, el, name FROM f_mentions
) x JOIN (SELECT DISTINCT key FROM und) u ON u.key = x.name;

-- table held_el
SELECT DISTINCT n.db, n.key, n.el FROM names_in n JOIN und u ON u.key = n.name
JOIN claimed c ON c.db = n.db AND c.key = n.key WHERE u.idx = @every@ AND u.db = n.db
UNION
SELECT DISTINCT n.db, n.key, n.el FROM names_in n JOIN und u ON u.key = n.name
JOIN claimants c ON c.db = n.db AND c.key = n.key AND c.idx = u.idx;

-- table holding
-- Index keys that hold what names an undecidable record, or might.
SELECT DISTINCT db, key FROM held_el
UNION
SELECT k.db, k.key FROM v_index_keys k JOIN claimed c ON c.db = k.db AND c.key = k.key
JOIN (SELECT DISTINCT db FROM und WHERE idx = @every@) u ON u.db = k.db WHERE k.unreadable = 1
UNION
SELECT k.db, k.key FROM v_index_keys k JOIN claimants c ON c.db = k.db AND c.key = k.key
JOIN (SELECT DISTINCT idx FROM und) u ON u.idx = c.idx WHERE k.unreadable = 1;

-- table foreign_keys
SELECT DISTINCT db, key FROM f_actual WHERE is_foreign = 1;

-- table implied_depths
SELECT i.joint AS idx, max(g.d0) AS m0, max(g.d1) AS m1, max(g.d2) AS m2, max(g.d3) AS m3, max(g.d4) AS m4, max(g.d5) AS m5,
    max(g.d6) AS m6, max(g.d7) AS m7
FROM f_groups g JOIN ix i ON i.idx = g.idx JOIN ranks r ON r.joint = i.joint AND r.key = g.key
WHERE r.live = 1 GROUP BY i.joint;

-- table owned
-- Whose each index key is, and what its name and its type say.
SELECT k.shard, k.db, k.key, k.slot, k.kind, k.elements, i.idx AS own, i.joint, i.policy, i.type, i.acc_other, i.acc_nested,
    i.acc_foreign, i.member_key, z.frozen AS own_frozen,
    CASE WHEN k.shared = 1 AND c.joints > 1 THEN 1 ELSE 0 END AS contested,
    CASE WHEN i.type = 'any' OR k.kind = i.type THEN 1 ELSE 0 END AS is_right_type,
    CASE WHEN r.key IS NOT NULL THEN 1 ELSE 0 END AS has_rank,
    coalesce(r.live, 0) AS desired,
    CASE WHEN k.shared = 1 AND (m.first_frozen <> i.idx OR m.last_frozen <> i.idx) THEN 1 ELSE 0 END AS other_frozen,
    CASE WHEN h.key IS NOT NULL THEN 1 ELSE 0 END AS names_undecidable,
    CASE WHEN g.key IS NOT NULL THEN 1 ELSE 0 END AS has_foreign,
    d.d0, d.d1, d.d2, d.d3, d.d4, d.d5, d.d6, d.d7
FROM v_index_keys k
LEFT JOIN claims c ON c.db = k.db AND c.key = k.key
JOIN ix i ON i.idx = CASE WHEN k.shared = 1 AND c.idx IS NOT NULL THEN c.idx ELSE k.idx END
JOIN frozen z ON z.idx = i.idx
LEFT JOIN ranks r ON r.joint = i.joint AND r.key = k.key
LEFT JOIN claimed m ON m.db = k.db AND m.key = k.key
LEFT JOIN holding h ON h.db = k.db AND h.key = k.key
LEFT JOIN foreign_keys g ON g.db = k.db AND g.key = k.key
LEFT JOIN f_families d ON d.db = k.db AND d.key = k.key AND d.idx = i.idx;

-- view retired_depths
-- How often each depth occurs in the names of a retired family, field by field.
SELECT own, f, d, count(*) AS n FROM (
    SELECT own, 0 AS f, d0 AS d FROM owned WHERE policy = 'retire' AND is_right_type = 1
    UNION ALL SELECT own, 1, d1 FROM owned WHERE policy = 'retire' AND is_right_type = 1
    UNION ALL SELECT own, 2, d2 FROM owned WHERE policy = 'retire' AND is_right_type = 1
    UNION ALL SELECT own, 3, d3 FROM owned WHERE policy = 'retire' AND is_right_type = 1
    UNION ALL SELECT own, 4, d4 FROM owned WHERE policy = 'retire' AND is_right_type = 1
    UNION ALL SELECT own, 5, d5 FROM owned WHERE policy = 'retire' AND is_right_type = 1
    UNION ALL SELECT own, 6, d6 FROM owned WHERE policy = 'retire' AND is_right_type = 1
    UNION ALL SELECT own, 7, d7 FROM owned WHERE policy = 'retire' AND is_right_type = 1
) x GROUP BY own, f, d;

-- view retired_below
SELECT a.own, a.f, a.d, sum(b.n) AS total, sum(CASE WHEN b.d < a.d THEN b.n ELSE 0 END) AS below
FROM retired_depths a JOIN retired_depths b ON b.own = a.own AND b.f = a.f GROUP BY a.own, a.f, a.d;

-- view retired_nested
SELECT own, f, min(CASE WHEN below * 2 >= total THEN d END) AS nested FROM retired_below GROUP BY own, f;

-- view retired_limit
SELECT n.own, n.f, CASE WHEN n.nested IS NULL THEN 255 ELSE coalesce(max(CASE WHEN d.d < n.nested THEN d.d END), 0) END AS m
FROM retired_nested n JOIN retired_depths d ON d.own = n.own AND d.f = n.f GROUP BY n.own, n.f, n.nested;

-- table limits
-- How deep a name may be: no deeper than any that is implied; of a retired family, than half of it.
SELECT i.idx,
    CASE WHEN i.policy = 'retire' THEN coalesce(x.m0, 255) ELSE coalesce(y.m0, 0) END AS m0,
    CASE WHEN i.policy = 'retire' THEN coalesce(x.m1, 255) ELSE coalesce(y.m1, 0) END AS m1,
    CASE WHEN i.policy = 'retire' THEN coalesce(x.m2, 255) ELSE coalesce(y.m2, 0) END AS m2,
    CASE WHEN i.policy = 'retire' THEN coalesce(x.m3, 255) ELSE coalesce(y.m3, 0) END AS m3,
    CASE WHEN i.policy = 'retire' THEN coalesce(x.m4, 255) ELSE coalesce(y.m4, 0) END AS m4,
    CASE WHEN i.policy = 'retire' THEN coalesce(x.m5, 255) ELSE coalesce(y.m5, 0) END AS m5,
    CASE WHEN i.policy = 'retire' THEN coalesce(x.m6, 255) ELSE coalesce(y.m6, 0) END AS m6,
    CASE WHEN i.policy = 'retire' THEN coalesce(x.m7, 255) ELSE coalesce(y.m7, 0) END AS m7
FROM ix i
LEFT JOIN (
    SELECT own, max(CASE WHEN f = 0 THEN m END) AS m0, max(CASE WHEN f = 1 THEN m END) AS m1,
        max(CASE WHEN f = 2 THEN m END) AS m2, max(CASE WHEN f = 3 THEN m END) AS m3, max(CASE WHEN f = 4 THEN m END) AS m4,
        max(CASE WHEN f = 5 THEN m END) AS m5, max(CASE WHEN f = 6 THEN m END) AS m6, max(CASE WHEN f = 7 THEN m END) AS m7
    FROM retired_limit GROUP BY own
) x ON x.own = i.idx
LEFT JOIN implied_depths y ON y.idx = i.idx;

-- view doubted
-- The brakes that speak for keeping a wrong key.
SELECT x.*,
    CASE WHEN x.no_doubt = 0 AND x.is_right_type = 0 AND x.holds = 0 THEN 1 ELSE 0 END AS b_other,
    CASE WHEN x.no_doubt = 0 AND x.is_nested = 1 THEN 1 ELSE 0 END AS b_nested,
    CASE WHEN x.no_doubt = 0 AND x.has_foreign = 1 AND x.holds = 0 AND x.is_collection = 1
        AND NOT (x.is_right_type = 0 AND x.acc_other = 0)
        AND (x.acc_foreign = 0 OR x.is_hash = 1 OR x.policy <> 'retire') THEN 1 ELSE 0 END AS b_foreign
FROM (
    SELECT o.*,
        CASE WHEN o.own_frozen > 0 OR o.other_frozen = 1 THEN 1 ELSE 0 END AS frozen,
        CASE WHEN o.names_undecidable = 1 AND NOT (o.desired = 1 AND o.is_right_type = 1) THEN 1 ELSE 0 END AS holds,
        CASE WHEN o.desired = 1 OR o.own_frozen > 0 OR o.other_frozen = 1 THEN 1 ELSE 0 END AS no_doubt,
        CASE WHEN o.kind = 'hash' AND o.type = 'hash' THEN 1 ELSE 0 END AS is_hash,
        CASE WHEN o.kind IN ('set', 'zset') OR (o.kind = 'hash' AND o.type = 'hash') THEN 1 ELSE 0 END AS is_collection,
        CASE WHEN coalesce(o.d0, 0) > l.m0 OR coalesce(o.d1, 0) > l.m1 OR coalesce(o.d2, 0) > l.m2 OR coalesce(o.d3, 0) > l.m3
            OR coalesce(o.d4, 0) > l.m4 OR coalesce(o.d5, 0) > l.m5 OR coalesce(o.d6, 0) > l.m6 OR coalesce(o.d7, 0) > l.m7
            THEN 1 ELSE 0 END AS is_nested
    FROM owned o JOIN limits l ON l.idx = o.own
) x;

-- view braked
SELECT d.*, CASE
    WHEN b_other = 1 AND acc_other = 0 THEN 'other-type'
    WHEN b_nested = 1 AND acc_nested = 0 THEN 'nested'
    WHEN b_foreign = 1 AND (acc_foreign = 0 OR type = 'hash') THEN 'foreign-members'
    ELSE '' END AS kept
FROM doubted d;

-- table fated
-- What becomes of each index key, as far as its name and type tell.
SELECT b.*, CASE
    WHEN contested = 1 THEN 'contested'
    WHEN kept = 'foreign-members' AND is_right_type = 1 AND policy <> 'retire' THEN 'stay'
    WHEN kept <> '' THEN 'braked'
    WHEN policy = 'retire' AND frozen = 0 AND holds = 0 THEN 'retired'
    WHEN policy = 'retire' AND holds = 0 THEN 'untouched'
    WHEN is_right_type = 1 AND desired = 1 THEN 'stay'
    WHEN holds = 1 AND is_right_type = 1 THEN 'stay'
    WHEN holds = 1 THEN 'held'
    WHEN policy = 'maintain' AND frozen = 0 AND is_right_type = 0 THEN 'wrong type'
    WHEN policy = 'maintain' AND frozen = 0 AND has_rank = 1 THEN 'orphaned'
    WHEN policy = 'maintain' AND frozen = 0 THEN 'not implied'
    WHEN is_right_type = 0 THEN 'blocked'
    ELSE 'untouched' END AS fate
FROM braked b;

-- table seen
-- Every element of the keys that stay beside what must be there. Joined by member, so that one large key is no skew.
SELECT s.shard, s.db, s.key, s.slot, s.own, s.joint, s.policy, s.frozen, s.acc_foreign, s.member_key, a.el, a.member,
    a.has_value, a.is_foreign, w.score AS new_score, w.value AS new_value, a.score AS old_score,
    CASE
        WHEN w.member IS NOT NULL AND w.conflict = 1 THEN 'conflict'
        WHEN w.member IS NOT NULL AND a.has_value = 1 AND a.value = w.value THEN 'right'
        WHEN w.member IS NOT NULL AND a.has_value = 0 AND a.score = w.score THEN 'right'
        WHEN w.member IS NOT NULL AND s.frozen = 1 THEN 'right'
        WHEN w.member IS NOT NULL AND a.has_value = 1 AND h.el IS NOT NULL THEN 'right, held'
        WHEN w.member IS NOT NULL AND a.has_value = 1 AND a.expires = 1 THEN 'right, expires'
        WHEN w.member IS NOT NULL THEN 'change'
        WHEN h.el IS NOT NULL THEN 'held'
        WHEN a.is_foreign = 1 AND (s.acc_foreign = 0 OR a.has_value = 1) THEN 'foreign'
        ELSE 'stale' END AS status
FROM fated s
JOIN v_actual a ON a.db = s.db AND a.key = s.key
LEFT JOIN want w ON w.joint = s.joint AND w.key = a.key AND w.member = a.member
LEFT JOIN held_el h ON h.db = a.db AND h.key = a.key AND h.el = a.el
WHERE s.fate = 'stay';

-- table repeated
-- Keys with a member twice, which no server writes.
SELECT DISTINCT db, key, joint FROM (
    SELECT db, key, joint, member FROM seen
    WHERE status IN ('right', 'right, held', 'right, expires', 'change')
        OR (status = 'stale' AND policy = 'maintain' AND frozen = 0)
    GROUP BY db, key, joint, member HAVING count(*) > 1
) x;

-- table disputed
-- Index keys of which nothing certain is implied.
SELECT joint, key FROM want GROUP BY joint, key HAVING min(conflict) = 1;

-- table disputed_keys
SELECT f.db, f.key FROM fated f JOIN disputed d ON d.joint = f.joint AND d.key = f.key
LEFT JOIN repeated r ON r.db = f.db AND r.key = f.key
LEFT JOIN (
    SELECT DISTINCT db, key FROM seen
    WHERE status IN ('held', 'conflict', 'right, held') OR (status = 'foreign' AND acc_foreign = 0)
) k ON k.db = f.db AND k.key = f.key
WHERE f.fate = 'stay' AND f.policy = 'maintain' AND f.frozen = 0 AND r.key IS NULL AND k.key IS NULL;

-- table blocked
-- Index keys that may not be written.
SELECT r.joint, r.key FROM ranks r JOIN ix i ON i.idx = r.joint JOIN contested c ON c.db = i.db AND c.key = r.key
WHERE r.live = 1
UNION SELECT joint, key FROM fated WHERE fate IN ('braked', 'held', 'blocked') AND has_rank = 1
UNION SELECT r.joint, r.key FROM ranks r JOIN named_like n ON n.key = r.key
UNION SELECT joint, key FROM repeated
UNION SELECT joint, key FROM disputed;

-- table there
SELECT DISTINCT joint, key FROM fated WHERE is_right_type = 1 AND has_rank = 1;

-- table crossed
-- What must be there, and what there is of it.
SELECT w.joint, w.key, w.slot, w.member, w.score, w.value, w.at_shard, w.at_byte, w.by_key, w.conflict,
    coalesce(s.status, 'missing') AS status, CASE WHEN t.key IS NULL THEN 0 ELSE 1 END AS is_there
FROM want w
LEFT JOIN (
    SELECT DISTINCT joint, key, member, status FROM seen
    WHERE status IN ('right', 'right, held', 'right, expires', 'change', 'conflict')
) s ON s.joint = w.joint AND s.key = w.key AND s.member = w.member
LEFT JOIN there t ON t.joint = w.joint AND t.key = w.key;

-- table homes
SELECT slot, min(shard) AS shard FROM f_slots GROUP BY slot;

-- table homeless
-- Slots of keys that are not there, and in which no key is: the shard is that of the next slot before.
SELECT DISTINCT r.slot FROM ranks r LEFT JOIN homes h ON h.slot = r.slot WHERE h.slot IS NULL;

-- table homes_before
SELECT n.slot, max(h.slot) AS before FROM homeless n JOIN homes h ON h.slot < n.slot GROUP BY n.slot;

-- table home_of
SELECT slot, shard FROM homes
UNION ALL SELECT b.slot, h.shard FROM homes_before b JOIN homes h ON h.slot = b.before
UNION ALL SELECT n.slot, f.shard FROM homeless n LEFT JOIN homes_before b ON b.slot = n.slot
    CROSS JOIN (SELECT h.shard FROM homes h JOIN (SELECT min(slot) AS slot FROM homes) m ON m.slot = h.slot) f
    WHERE b.slot IS NULL;

-- table added
SELECT coalesce(k.shard, h.shard) AS shard, i.idx, i.db, c.key, c.member, c.score, c.value, c.at_shard, c.at_byte, c.by_key,
    CASE WHEN c.status = 'change' THEN 'change' ELSE 'add' END AS what
FROM crossed c
JOIN ix i ON i.idx = c.joint AND i.policy = 'maintain'
LEFT JOIN blocked b ON b.joint = c.joint AND b.key = c.key
LEFT JOIN v_index_keys k ON k.db = i.db AND k.key = c.key
LEFT JOIN home_of h ON h.slot = c.slot
WHERE c.conflict = 0 AND b.key IS NULL AND c.status IN ('missing', 'change');

-- table stale
SELECT DISTINCT s.shard, s.db, s.key, s.own, s.joint, s.member_key, s.member FROM seen s
LEFT JOIN repeated r ON r.db = s.db AND r.key = s.key
LEFT JOIN disputed_keys d ON d.db = s.db AND d.key = s.key
WHERE s.status = 'stale' AND s.policy = 'maintain' AND s.frozen = 0 AND r.key IS NULL AND d.key IS NULL;

-- table stale_names
SELECT DISTINCT joint, own, member FROM stale WHERE member_key = 1;

-- table moved
SELECT n.joint, n.member, min(w.key) AS key FROM stale_names n JOIN want w ON w.joint = n.joint AND w.member = n.member
WHERE w.by_key = 1 GROUP BY n.joint, n.member;

-- table orphaned
SELECT DISTINCT n.joint, n.member FROM stale_names n JOIN want0 w ON w.joint = n.joint AND w.member = n.member
WHERE w.by_key = 1 AND w.orphan = 1;

-- table idle
SELECT DISTINCT n.own, n.member FROM stale_names n JOIN v_unindexed u ON u.idx = n.own AND u.key = n.member;

-- table removed
SELECT s.shard, s.own AS idx, s.db, s.key, s.member, m.key AS reason_key, CASE
    WHEN s.member_key = 0 THEN 'not implied'
    WHEN m.member IS NOT NULL THEN 'moved'
    WHEN o.member IS NOT NULL THEN 'orphan'
    WHEN i.member IS NOT NULL THEN 'implies nothing'
    ELSE 'record missing' END AS reason
FROM stale s
LEFT JOIN moved m ON m.joint = s.joint AND m.member = s.member
LEFT JOIN orphaned o ON o.joint = s.joint AND o.member = s.member
LEFT JOIN idle i ON i.own = s.own AND i.member = s.member;

-- table deleted0
SELECT shard, own AS idx, db, key, fate AS reason FROM fated
WHERE fate IN ('retired', 'wrong type', 'orphaned', 'not implied')
UNION ALL
SELECT f.shard, f.own, f.db, f.key, 'disputed' FROM fated f JOIN disputed_keys d ON d.db = f.db AND d.key = f.key;

-- table gone_0
-- Keys that the plan deletes; one that is built anew is there again.
SELECT d.db, d.key FROM deleted0 d JOIN ix i ON i.idx = d.idx
LEFT JOIN ranks r ON r.joint = i.joint AND r.key = d.key AND r.live = 1
LEFT JOIN blocked b ON b.joint = i.joint AND b.key = d.key
WHERE NOT (d.reason = 'wrong type' AND r.key IS NOT NULL AND b.key IS NULL);
