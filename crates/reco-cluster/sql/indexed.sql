-- The kept ratings by the rows of the catalogue.
SELECT u.user_idx, i.item_idx, r.rating, r.seconds, r.source_row, r.draw{r_contexts}
FROM rated AS r
JOIN users AS u ON r.user_row = u.user_row
JOIN items AS i ON r.item_row = i.item_row
