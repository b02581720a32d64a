-- table v_prune_keys
SELECT k.shard, k.db, k.key, k.kind, k.idx, k.unformed FROM f_prune_keys k CROSS JOIN clock
LEFT JOIN records_after_all r ON r.db = k.db AND r.key = k.key WHERE c < k.to_ms AND r.key IS NULL;

-- table v_refs
SELECT DISTINCT f.db, f.key, f.el, f.idx, f.alt, f.name, f.any_field, f.field FROM f_refs f CROSS JOIN clock
JOIN v_prune_keys k ON k.db = f.db AND k.key = f.key WHERE c < f.to_ms;

-- table v_alternatives
SELECT f.db, f.key, f.alt, f.any_field, f.field, f.ok, f.from_ms FROM f_alternatives f CROSS JOIN clock
WHERE f.from_ms <= c AND c < f.to_ms;

-- table compared_texts
SELECT DISTINCT r.db, r.key, r.el, r.alt, r.name, a.any_field, a.field, t.cond
FROM v_refs r
JOIN v_alternatives a ON a.db = r.db AND a.key = r.name AND a.alt = r.alt AND a.ok = 1
    AND (a.any_field = 1 OR a.field = r.field)
JOIN f_alternative_texts t ON t.db = a.db AND t.key = a.key AND t.alt = a.alt AND t.field = a.field AND t.from_ms = a.from_ms
LEFT JOIN f_ref_texts x ON x.db = r.db AND x.key = r.key AND x.el = r.el AND x.alt = r.alt AND x.cond = t.cond
    AND x.text = t.text
WHERE t.any_text = 1 OR x.text IS NOT NULL;

-- table hits
SELECT db, key, el, alt, name, any_field, field, count(DISTINCT cond) AS n FROM compared_texts
GROUP BY db, key, el, alt, name, any_field, field;

-- table satisfied
-- Names of entries by which they stay, unless the key goes that has the name.
SELECT DISTINCT r.db, r.key, r.el, r.idx, r.name FROM v_refs r JOIN alts t ON t.alt = r.alt
JOIN named_now n ON n.db = r.db AND n.key = r.name WHERE t.plain = 1 AND n.full_one = 1
UNION
SELECT DISTINCT r.db, r.key, r.el, r.idx, r.name FROM v_refs r JOIN alts t ON t.alt = r.alt
JOIN v_alternatives a ON a.db = r.db AND a.key = r.name AND a.alt = r.alt AND a.ok = 1
    AND (a.any_field = 1 OR a.field = r.field)
LEFT JOIN hits h ON h.db = r.db AND h.key = r.key AND h.el = r.el AND h.alt = r.alt AND h.name = r.name
    AND h.any_field = a.any_field AND h.field = a.field
WHERE t.plain = 0 AND (t.compared = 0 OR h.n = t.compared);

-- table formed
-- Each entry that has the form of a rule, and whether it names a key of the dumps.
SELECT r.db, r.key, r.el, r.idx, max(CASE WHEN n.full_one = 1 THEN 1 ELSE 0 END) AS found
FROM v_refs r LEFT JOIN named_now n ON n.db = r.db AND n.key = r.name GROUP BY r.db, r.key, r.el, r.idx;

-- table counting
-- The rules that are about a key: without literal text in its template, only if some entry names a key that is there.
SELECT f.db, f.key, f.idx FROM formed f JOIN ix i ON i.idx = f.idx WHERE f.el > 0
GROUP BY f.db, f.key, f.idx, i.vague HAVING i.vague = 0 OR sum(f.found) > 0;

-- table v_entries
SELECT e.db, e.key, e.el, e.member FROM f_entries e CROSS JOIN clock WHERE c < e.to_ms;

-- table prune_elements
SELECT k.db, k.key, k.unformed + count(e.el) AS elements FROM v_prune_keys k
LEFT JOIN v_entries e ON e.db = k.db AND e.key = k.key GROUP BY k.db, k.key, k.unformed;

-- table changing
SELECT DISTINCT r.db, r.key FROM f_prune_rules r WHERE r.changes = 1;
