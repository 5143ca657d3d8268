-- The {what}s that have ratings, by the order of their draws: whether each is among the share that is held out.
WITH rated_{what}s AS (
    SELECT {idx}, COUNT(*) AS n_rows FROM indexed GROUP BY {idx}
),
with_draws AS (
    SELECT r.{idx}, r.n_rows, {draw} AS draw
    FROM rated_{what}s AS r
    JOIN {vocabulary} AS v ON r.{idx} = v.{idx}
    JOIN {listed} AS l ON v.{row} = l.{row}
),
{starts},
placed AS (
    SELECT d.{idx}, d.n_rows, s.n,
           s.n_before + ROW_NUMBER() OVER (PARTITION BY s.bucket ORDER BY d.draw, d.{idx}) - 1 AS place
    FROM starts AS s JOIN with_draws AS d ON s.bucket = SUBSTR(d.draw, 1, 4)
),
{shares}
SELECT {idx}, CASE WHEN place < n_test{and_divisible} THEN 1 ELSE 0 END AS is_held_out
FROM sized
