-- The times of the last rows that train and that validate. The rows are counted by days, and those of the two days
-- of the cuts by seconds, so that no window is over all of them.
WITH placed AS (
    SELECT COUNT(*) AS n, 0 AS place FROM indexed
),
{shares},
cuts AS (
    SELECT 'train' AS part, n - n_test - n_validation AS n_until FROM sized
    UNION ALL
    SELECT 'validation' AS part, n - n_test AS n_until FROM sized
),
days AS (
    SELECT seconds - seconds % 86400 AS day, COUNT(*) AS n FROM indexed GROUP BY seconds - seconds % 86400
),
until_day AS (
    SELECT day, n, SUM(n) OVER (ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS n_until FROM days
),
cut_days AS (
    SELECT c.part, c.n_until, d.day, d.n_until - d.n AS n_before
    FROM cuts AS c JOIN until_day AS d ON d.n_until - d.n < c.n_until AND c.n_until <= d.n_until
),
moments AS (
    SELECT c.part, c.n_until, c.n_before, r.seconds, COUNT(*) AS n
    FROM cut_days AS c JOIN indexed AS r ON c.day = r.seconds - r.seconds % 86400
    GROUP BY c.part, c.n_until, c.n_before, r.seconds
),
until_moment AS (
    SELECT part, n_until, seconds, n, n_before
           + SUM(n) OVER (PARTITION BY part ORDER BY seconds ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS reached
    FROM moments
)
SELECT CAST(MAX(CASE WHEN part = 'train' THEN seconds END) AS BIGINT) AS validation_after,
       CAST(MAX(CASE WHEN part = 'validation' THEN seconds END) AS BIGINT) AS test_after
FROM until_moment
WHERE reached - n < n_until AND n_until <= reached
