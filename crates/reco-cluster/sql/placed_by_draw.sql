-- Each row's place among all rows in the order of their draws, and how many these are. A window over all rows would be
-- one task: they are counted in buckets by the first four digits of the draw, and numbered within each.
WITH sizes AS (
    SELECT SUBSTR(draw, 1, 4) AS bucket, COUNT(*) AS n FROM indexed GROUP BY SUBSTR(draw, 1, 4)
),
starts AS (
    SELECT bucket, SUM(n) OVER (ORDER BY bucket ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - n AS n_before
    FROM sizes
),
total AS (
    SELECT COUNT(*) AS n FROM indexed
)
SELECT r.*, t.n, s.n_before + ROW_NUMBER() OVER (PARTITION BY s.bucket ORDER BY r.draw, r.source_row) - 1 AS place
FROM indexed AS r
JOIN starts AS s ON SUBSTR(r.draw, 1, 4) = s.bucket
CROSS JOIN total AS t
