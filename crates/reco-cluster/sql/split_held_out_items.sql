-- All rows of the items that are held out test.
SELECT {r_columns}, CASE WHEN d.is_held_out = 1 THEN 'test' ELSE 'train' END AS part
FROM indexed AS r JOIN drawn AS d ON r.item_idx = d.item_idx
