-- table staying_@n@
SELECT DISTINCT s.db, s.key, s.el, s.idx FROM satisfied s LEFT JOIN gone_@n@ g ON g.db = s.db AND g.key = s.name
WHERE g.key IS NULL;

-- table whole_@n@
-- Keys that go as a whole because of what their own names name.
SELECT f.db, f.key FROM formed f LEFT JOIN staying_@n@ s ON s.db = f.db AND s.key = f.key AND s.el = f.el AND s.idx = f.idx
WHERE f.el = 0 GROUP BY f.db, f.key HAVING max(CASE WHEN s.key IS NULL THEN 0 ELSE 1 END) = 0;

-- table going_@n@
SELECT f.db, f.key, f.el FROM formed f
JOIN counting c ON c.db = f.db AND c.key = f.key AND c.idx = f.idx
LEFT JOIN staying_@n@ s ON s.db = f.db AND s.key = f.key AND s.el = f.el AND s.idx = f.idx
LEFT JOIN whole_@n@ w ON w.db = f.db AND w.key = f.key
WHERE f.el > 0 AND w.key IS NULL
GROUP BY f.db, f.key, f.el HAVING max(CASE WHEN s.key IS NULL THEN 0 ELSE 1 END) = 0;

-- table going_names_@n@
SELECT g.db, g.key, g.el, e.member FROM going_@n@ g JOIN v_entries e ON e.db = g.db AND e.key = g.key AND e.el = g.el;

-- table repeated_@n@
SELECT DISTINCT x.db, x.key FROM (
    SELECT db, key, member FROM going_names_@n@ GROUP BY db, key, member HAVING count(*) > 1
) x JOIN v_prune_keys k ON k.db = x.db AND k.key = x.key WHERE k.kind <> 'list';

-- table losing_@n@
SELECT g.db, g.key, count(*) AS going FROM going_@n@ g
LEFT JOIN repeated_@n@ r ON r.db = g.db AND r.key = g.key WHERE r.key IS NULL GROUP BY g.db, g.key;

-- table emptied_@n@
SELECT db, key FROM whole_@n@
UNION
SELECT l.db, l.key FROM losing_@n@ l JOIN prune_elements e ON e.db = l.db AND e.key = l.key WHERE l.going = e.elements;

-- table gone_@next@
SELECT db, key FROM gone_@n@
UNION SELECT e.db, e.key FROM emptied_@n@ e JOIN changing c ON c.db = e.db AND c.key = e.key;
