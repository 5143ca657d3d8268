-- One round of the core: users with too few ratings go, then items with too few of what is left.
WITH busy_users AS (
    SELECT user_row FROM rated GROUP BY user_row HAVING COUNT(*) >= {min_ratings_per_user}
),
of_busy_users AS (
    SELECT r.* FROM rated AS r JOIN busy_users AS b ON r.user_row = b.user_row
),
busy_items AS (
    SELECT item_row FROM of_busy_users GROUP BY item_row HAVING COUNT(*) >= {min_ratings_per_item}
)
SELECT r.* FROM of_busy_users AS r JOIN busy_items AS b ON r.item_row = b.item_row
