-- Each row's place among all rows in the order of their draws, and how many these are. A window over all rows would be
-- one task: they are counted in buckets by the first four digits of the draw, and numbered within each.
WITH sizes AS (
    SELECT SUBSTR(draw, 1, 4) AS bucket, COUNT(*) AS n FROM indexed GROUP BY SUBSTR(draw, 1, 4)
),
total AS (
    SELECT COUNT(*) AS n FROM indexed
),
starts AS (
    SELECT s.bucket, t.n,
           SUM(s.n) OVER (ORDER BY s.bucket ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - s.n AS n_before
    FROM total AS t CROSS JOIN sizes AS s
)
SELECT r.*, s.n, s.n_before + ROW_NUMBER() OVER (PARTITION BY s.bucket ORDER BY r.draw, r.source_row) - 1 AS place
FROM starts AS s JOIN indexed AS r ON s.bucket = SUBSTR(r.draw, 1, 4)
