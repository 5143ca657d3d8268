-- Of the users who are held out, some rows are given at the query, by the order of their draws, and the others test.
WITH marked AS (
    SELECT r.*, d.is_held_out FROM indexed AS r JOIN drawn AS d ON r.user_idx = d.user_idx
),
trained_items AS (
    SELECT DISTINCT item_idx FROM marked WHERE is_held_out = 0
),
judged AS (
    SELECT m.*, CASE WHEN m.is_held_out = 0 THEN 'train'
                     WHEN {drops_untrained} = 1 AND t.item_idx IS NULL THEN 'untrained'
                     ELSE 'divided' END AS fate
    FROM marked AS m LEFT JOIN trained_items AS t ON m.item_idx = t.item_idx
),
placed AS (
    SELECT j.*, COUNT(*) OVER (PARTITION BY j.user_idx, j.fate) AS n,
           ROW_NUMBER() OVER (PARTITION BY j.user_idx, j.fate ORDER BY j.draw, j.source_row) - 1 AS place
    FROM judged AS j
),
{shares}
SELECT {columns},
       CASE WHEN fate <> 'divided' THEN fate
            WHEN place < {n_given} THEN 'fold_in'
            ELSE 'test' END AS part
FROM sized
