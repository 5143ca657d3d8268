-- Of several ratings of one item by one user the earliest, and of those of one time the first. An event without a time
-- that comes first stays.
WITH marked AS (
    SELECT user_id, item_id, rating, timestamp, source_row,
           ROW_NUMBER() OVER (PARTITION BY user_id, item_id ORDER BY source_row) AS nth
    FROM checked WHERE problem IS NULL
),
placed AS (
    SELECT m.*,
           ROW_NUMBER() OVER (
               PARTITION BY m.user_id, m.item_id
               ORDER BY CASE WHEN m.timestamp IS NOT NULL THEN 1 WHEN m.nth = 1 THEN 0 ELSE 2 END,
                        m.timestamp, m.source_row
           ) AS place
    FROM marked AS m
)
SELECT user_id, item_id, rating, timestamp, source_row FROM placed WHERE place = 1 ORDER BY source_row
