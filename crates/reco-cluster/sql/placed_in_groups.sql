-- Each row's place among the rows of its {what}, {order_in_words}, and how many these are.
SELECT r.*, COUNT(*) OVER (PARTITION BY r.{group}) AS n,
       ROW_NUMBER() OVER (PARTITION BY r.{group} ORDER BY {order}) - 1 AS place
FROM indexed AS r
