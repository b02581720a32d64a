UNION ALL SELECT k.shard, k.idx, 'keys', count(*) FROM v_prune_keys k GROUP BY k.shard, k.idx
UNION ALL SELECT k.shard, k.idx, 'correct keys', count(*) FROM v_prune_keys k
    LEFT JOIN emptied_@last@ e ON e.db = k.db AND e.key = k.key WHERE e.key IS NULL GROUP BY k.shard, k.idx
UNION ALL SELECT k.shard, k.idx, 'stale members', sum(l.going) FROM v_prune_keys k
    JOIN losing_@last@ l ON l.db = k.db AND l.key = k.key
    LEFT JOIN emptied_@last@ e ON e.db = k.db AND e.key = k.key WHERE e.key IS NULL GROUP BY k.shard, k.idx
UNION ALL SELECT k.shard, k.idx, 'unnamed keys', count(*) FROM v_prune_keys k JOIN (
        SELECT f.db, f.key FROM (
            SELECT f.db, f.key, f.idx, sum(f.found) AS found,
                sum(CASE WHEN s.key IS NULL THEN 1 ELSE 0 END) AS going
            FROM formed f
            LEFT JOIN staying_@last@ s ON s.db = f.db AND s.key = f.key AND s.el = f.el AND s.idx = f.idx
            WHERE f.el > 0 GROUP BY f.db, f.key, f.idx
        ) f LEFT JOIN counting c ON c.db = f.db AND c.key = f.key AND c.idx = f.idx
        GROUP BY f.db, f.key HAVING count(c.key) = 0 AND max(f.going) > 0
    ) u ON u.db = k.db AND u.key = k.key
    LEFT JOIN whole_@last@ w ON w.db = k.db AND w.key = k.key WHERE w.key IS NULL GROUP BY k.shard, k.idx
UNION ALL SELECT k.shard, r.idx, 'entries', sum(CASE WHEN w.key IS NULL THEN e.elements ELSE 1 END) FROM v_prune_keys k
    JOIN f_prune_rules r ON r.db = k.db AND r.key = k.key
    JOIN prune_elements e ON e.db = k.db AND e.key = k.key
    LEFT JOIN whole_@last@ w ON w.db = k.db AND w.key = k.key GROUP BY k.shard, r.idx
UNION ALL SELECT k.shard, f.idx, 'formed', count(*) FROM v_prune_keys k JOIN counted_@last@ f ON f.db = k.db AND f.key = k.key
    GROUP BY k.shard, f.idx
UNION ALL SELECT k.shard, f.idx, 'found', sum(f.found) FROM v_prune_keys k
    JOIN counted_@last@ f ON f.db = k.db AND f.key = k.key GROUP BY k.shard, f.idx
UNION ALL SELECT k.shard, f.idx, 'going', sum(f.going) FROM v_prune_keys k
    JOIN counted_@last@ f ON f.db = k.db AND f.key = k.key GROUP BY k.shard, f.idx
