-- What `refit` and `drop_untrained_items` make of the parts.
WITH refitted AS (
    SELECT {columns}, CASE WHEN part = 'validation' AND {refits} = 1 THEN 'train' ELSE part END AS part FROM split
),
trained_items AS (
    SELECT DISTINCT item_idx FROM refitted WHERE part = 'train'
)
SELECT {r_columns},
       CASE WHEN r.part = 'test' AND {drops_untrained} = 1 AND t.item_idx IS NULL THEN 'untrained' ELSE r.part END AS part
FROM trained_items AS t RIGHT JOIN refitted AS r ON t.item_idx = r.item_idx
