-- The first four fifths of the items train, the others test.
SELECT {r_columns}, CASE WHEN 5 * (r.item_idx + 1) <= 4 * c.n THEN 'train' ELSE 'test' END AS part
FROM (SELECT COUNT(*) AS n FROM items) AS c CROSS JOIN indexed AS r
