-- The shares: the first places train, the last test.
WITH placed AS (
{placed}
),
{shares}
SELECT {columns},
       CASE WHEN place < n - n_test - n_validation THEN 'train'
            WHEN place < n - n_test THEN 'validation'
            ELSE 'test' END AS part
FROM sized
