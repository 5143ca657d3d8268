-- Each rating with the rows of its user and its item in their tables, and its draw.
SELECT u.user_row, i.item_row, i.stays, r.rating, r.timestamp AS seconds, r.source_row,
       {draw} AS draw{r_contexts}
FROM ratings AS r
JOIN listed_users AS u ON r.user_id = u.user_id
JOIN listed_items AS i ON r.item_id = i.item_id
