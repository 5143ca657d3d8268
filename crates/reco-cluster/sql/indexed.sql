-- The kept ratings by the rows of the catalogue.
WITH of_users AS (
    SELECT u.user_idx, r.* FROM users AS u JOIN rated AS r ON u.user_row = r.user_row
)
SELECT r.user_idx, i.item_idx, r.rating, r.seconds, r.source_row, r.draw{r_contexts}
FROM items AS i JOIN of_users AS r ON i.item_row = r.item_row
