-- Of several ratings of one item by one user the latest, and of those of one time the last. An event without a time
-- counts as later than those before it.
WITH marked AS (
    SELECT user_id, item_id, rating, timestamp, source_row,
           MAX(CASE WHEN timestamp IS NULL THEN source_row END) OVER (PARTITION BY user_id, item_id) AS last_timeless
    FROM checked WHERE problem IS NULL
),
placed AS (
    SELECT m.*,
           ROW_NUMBER() OVER (
               PARTITION BY m.user_id, m.item_id
               ORDER BY CASE WHEN m.timestamp IS NULL THEN 1 ELSE 0 END, m.timestamp DESC, m.source_row DESC
           ) AS place
    FROM marked AS m WHERE m.last_timeless IS NULL OR m.source_row >= m.last_timeless
)
SELECT user_id, item_id, rating, timestamp, source_row FROM placed WHERE place = 1 ORDER BY source_row
