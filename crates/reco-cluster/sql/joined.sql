-- Each rating with the rows of its user and its item in their tables, and its draw. Here and below, the smaller side of
-- a join comes first: DataFusion keeps it in memory.
WITH of_users AS (
    SELECT u.user_row, r.item_id, r.rating, r.timestamp AS seconds, r.source_row, {draw} AS draw{r_contexts}
    FROM listed_users AS u JOIN ratings AS r ON u.user_id = r.user_id
)
SELECT r.user_row, i.item_row, i.stays, r.rating, r.seconds, r.source_row, r.draw{r_contexts}
FROM listed_items AS i JOIN of_users AS r ON i.item_id = r.item_id
