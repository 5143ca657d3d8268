-- Each row's place among the rows of its {what}, {order_in_words}, and how many these are. They are counted by a group
-- and a join: engines hold all rows of a window that looks ahead.
WITH sizes AS (
    SELECT {group}, COUNT(*) AS n FROM indexed GROUP BY {group}
)
SELECT r.*, s.n, ROW_NUMBER() OVER (PARTITION BY r.{group} ORDER BY {order}) - 1 AS place
FROM sizes AS s JOIN indexed AS r ON s.{group} = r.{group}
