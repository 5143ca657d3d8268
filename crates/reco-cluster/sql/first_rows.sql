-- Each {what} of a good event, with the first row that names it.
SELECT {id}, MIN(source_row) AS first_row FROM checked WHERE problem IS NULL GROUP BY {id}
