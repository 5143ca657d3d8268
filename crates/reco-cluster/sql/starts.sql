-- A window over all rows would be one task: they are counted in buckets by the first four digits of the draw, for each
-- of which is known how many rows are in those before it, and numbered within each.
sizes AS (
    SELECT SUBSTR(draw, 1, 4) AS bucket, COUNT(*) AS n FROM {rows} GROUP BY SUBSTR(draw, 1, 4)
),
total AS (
    SELECT COUNT(*) AS n FROM {rows}
),
starts AS (
    SELECT s.bucket, t.n,
           SUM(s.n) OVER (ORDER BY s.bucket ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - s.n AS n_before
    FROM total AS t CROSS JOIN sizes AS s
)
