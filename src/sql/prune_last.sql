-- check rules that go on and on: keys of one name keys of the next; plan all dumps on one machine
SELECT 'after @last@ rounds' AS what FROM gone_@next@ n LEFT JOIN gone_@last@ g ON g.db = n.db AND g.key = n.key
WHERE g.key IS NULL AND EXISTS (SELECT 1 FROM satisfied s WHERE s.db = n.db AND s.name = n.key);

-- table counted_@last@
-- Entries that have the form of a rule which counts, and those that go by it.
SELECT f.db, f.key, f.el, f.idx, f.found,
    CASE WHEN s.key IS NULL AND f.el > 0 THEN 1 WHEN w.key IS NOT NULL THEN 1 ELSE 0 END AS going
FROM formed f
LEFT JOIN counting c ON c.db = f.db AND c.key = f.key AND c.idx = f.idx
LEFT JOIN staying_@last@ s ON s.db = f.db AND s.key = f.key AND s.el = f.el AND s.idx = f.idx
LEFT JOIN whole_@last@ w ON w.db = f.db AND w.key = f.key
WHERE (f.el = 0) OR (w.key IS NULL AND c.key IS NOT NULL);

-- table pruned
SELECT k.shard, k.idx, k.db, k.key FROM v_prune_keys k
JOIN emptied_@last@ e ON e.db = k.db AND e.key = k.key
JOIN changing c ON c.db = k.db AND c.key = k.key;

-- table pruned_entries
SELECT DISTINCT k.shard, k.idx, k.db, k.key, n.member FROM v_prune_keys k
JOIN changing c ON c.db = k.db AND c.key = k.key
JOIN going_names_@last@ n ON n.db = k.db AND n.key = k.key
LEFT JOIN repeated_@last@ r ON r.db = k.db AND r.key = k.key
LEFT JOIN emptied_@last@ e ON e.db = k.db AND e.key = k.key
WHERE r.key IS NULL AND e.key IS NULL;
