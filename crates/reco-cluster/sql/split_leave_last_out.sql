-- Each user's last row tests, and the one before it validates where there is validation.
WITH placed AS (
{placed}
)
SELECT {columns},
       CASE WHEN n >= 2 AND place = n - 1 THEN 'test'
            WHEN n >= 3 AND place = n - 2 AND {validates} = 1 THEN 'validation'
            ELSE 'train' END AS part
FROM placed
