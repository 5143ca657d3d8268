-- Each row's place among all rows in the order of their draws, and how many these are.
WITH
{starts}
SELECT r.*, s.n, s.n_before + ROW_NUMBER() OVER (PARTITION BY s.bucket ORDER BY r.draw, r.source_row) - 1 AS place
FROM starts AS s JOIN indexed AS r ON s.bucket = SUBSTR(r.draw, 1, 4)
