-- Of the users who are held out, some rows are given at the query, by the order of their draws, and the others test.
WITH marked AS (
    SELECT r.*, d.is_held_out FROM drawn AS d JOIN indexed AS r ON d.user_idx = r.user_idx
),
trained_items AS (
    SELECT DISTINCT item_idx FROM marked WHERE is_held_out = 0
),
judged AS (
    SELECT m.*, CASE WHEN m.is_held_out = 0 THEN 'train'
                     WHEN {drops_untrained} = 1 AND t.item_idx IS NULL THEN 'untrained'
                     ELSE 'divided' END AS fate
    FROM trained_items AS t RIGHT JOIN marked AS m ON t.item_idx = m.item_idx
),
sizes AS (
    SELECT user_idx, fate, COUNT(*) AS n FROM judged GROUP BY user_idx, fate
),
placed AS (
    SELECT j.*, s.n, ROW_NUMBER() OVER (PARTITION BY j.user_idx, j.fate ORDER BY j.draw, j.source_row) - 1 AS place
    FROM sizes AS s JOIN judged AS j ON s.user_idx = j.user_idx AND s.fate = j.fate
),
{shares}
SELECT {columns},
       CASE WHEN fate <> 'divided' THEN fate
            WHEN place < {n_given} THEN 'fold_in'
            ELSE 'test' END AS part
FROM sized
