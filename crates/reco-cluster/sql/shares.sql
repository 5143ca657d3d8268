-- The sizes of the parts of `n` rows: validation and test are rounded down, train is the rest. Then a part that was
-- asked for and got nothing takes one row from train, test first, as long as train keeps one.
floored AS (
    SELECT p.*, CAST(FLOOR({validation} * CAST(p.n AS DOUBLE) + {epsilon}) AS BIGINT) AS v,
           CAST(FLOOR({test} * CAST(p.n AS DOUBLE) + {epsilon}) AS BIGINT) AS t
    FROM placed AS p
),
tested AS (
    SELECT f.*, CASE WHEN f.t = 0 AND {test} > 0 AND f.n - f.v > 1 THEN 1 ELSE f.t END AS n_test FROM floored AS f
),
sized AS (
    SELECT f.*, CASE WHEN f.v = 0 AND {validation} > 0 AND f.n - f.n_test > 1 THEN 1 ELSE f.v END AS n_validation
    FROM tested AS f
)
