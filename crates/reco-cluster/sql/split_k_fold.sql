-- Fold {fold} of {folds} tests.
WITH placed AS (
{placed}
)
SELECT {columns}, CASE WHEN place % {folds} = {fold} THEN 'test' ELSE 'train' END AS part
FROM placed
