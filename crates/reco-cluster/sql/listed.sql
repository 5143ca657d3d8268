-- The {what}s in the order of their first rows.
SELECT f.{id}, n.{row}{stays} FROM numbered_{what}s AS n JOIN first_{what}s AS f ON n.first_row = f.first_row
ORDER BY n.{row}
