-- A number without gaps for each kept {what}, in the order of the table. A window over all of them would be one task:
-- they are counted in buckets of rows, and numbered within each.
WITH kept AS (
    SELECT {row}, {row} - {row} % 65536 AS bucket FROM ({kept}) AS k
),
sizes AS (
    SELECT bucket, COUNT(*) AS n FROM kept GROUP BY bucket
),
starts AS (
    SELECT bucket, SUM(n) OVER (ORDER BY bucket ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - n AS n_before
    FROM sizes
)
SELECT k.{row},
       CAST(s.n_before + ROW_NUMBER() OVER (PARTITION BY k.bucket ORDER BY k.{row}) - 1 AS BIGINT) AS {idx}
FROM starts AS s JOIN kept AS k ON s.bucket = k.bucket
