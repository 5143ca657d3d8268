-- The {what}s that have ratings, by the order of their draws: whether each is among the share that is held out.
WITH rated AS (
    SELECT {idx}, COUNT(*) AS n_rows FROM indexed GROUP BY {idx}
),
with_draws AS (
    SELECT r.{idx}, r.n_rows, {draw} AS draw
    FROM rated AS r
    JOIN {vocabulary} AS v ON r.{idx} = v.{idx}
    JOIN {listed} AS l ON v.{row} = l.{row}
),
sizes AS (
    SELECT SUBSTR(draw, 1, 4) AS bucket, COUNT(*) AS n FROM with_draws GROUP BY SUBSTR(draw, 1, 4)
),
starts AS (
    SELECT bucket, SUM(n) OVER (ORDER BY bucket ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - n AS n_before
    FROM sizes
),
total AS (
    SELECT COUNT(*) AS n FROM with_draws
),
placed AS (
    SELECT d.{idx}, d.n_rows, t.n,
           s.n_before + ROW_NUMBER() OVER (PARTITION BY s.bucket ORDER BY d.draw, d.{idx}) - 1 AS place
    FROM with_draws AS d
    JOIN starts AS s ON SUBSTR(d.draw, 1, 4) = s.bucket
    CROSS JOIN total AS t
),
{shares}
SELECT {idx}, CASE WHEN place < n_test{and_divisible} THEN 1 ELSE 0 END AS is_held_out
FROM sized
