-- One round of the core: users with too few ratings go, then items with too few of what is left.
WITH busy_users AS (
    SELECT user_row FROM rated GROUP BY user_row HAVING COUNT(*) >= {min_ratings_per_user}
),
of_busy_users AS (
    SELECT r.* FROM busy_users AS b JOIN rated AS r ON b.user_row = r.user_row
),
busy_items AS (
    SELECT item_row FROM of_busy_users GROUP BY item_row HAVING COUNT(*) >= {min_ratings_per_item}
)
SELECT r.* FROM busy_items AS b JOIN of_busy_users AS r ON b.item_row = r.item_row
