-- The {what}s in the order of their first rows.
SELECT f.{id}, n.{row}{stays} FROM first_{what}s AS f JOIN numbered_{what}s AS n ON f.first_row = n.first_row
ORDER BY n.{row}
