-- All rows of the items that are held out test.
SELECT {r_columns}, CASE WHEN d.is_held_out = 1 THEN 'test' ELSE 'train' END AS part
FROM drawn AS d JOIN indexed AS r ON d.item_idx = r.item_idx
