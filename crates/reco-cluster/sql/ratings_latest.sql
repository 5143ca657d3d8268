-- Of several ratings of one item by one user the latest, and of those of one time the last. An event without a time
-- counts as later than those before it. Both windows look back alone: engines hold all rows of one that looks ahead.
WITH marked AS (
    SELECT user_id, item_id, rating, timestamp, source_row,
           SUM(CASE WHEN timestamp IS NULL THEN 1 ELSE 0 END) OVER (
               PARTITION BY user_id, item_id ORDER BY source_row DESC
               ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
           ) AS n_timeless
    FROM checked WHERE problem IS NULL
),
placed AS (
    SELECT m.*,
           ROW_NUMBER() OVER (
               PARTITION BY m.user_id, m.item_id
               ORDER BY CASE WHEN m.timestamp IS NULL THEN 1 ELSE 0 END, m.timestamp DESC, m.source_row DESC
           ) AS place
    FROM marked AS m
    WHERE m.n_timeless = 0 OR (m.n_timeless = 1 AND m.timestamp IS NULL)
)
SELECT user_id, item_id, rating, timestamp, source_row FROM placed WHERE place = 1 ORDER BY source_row
