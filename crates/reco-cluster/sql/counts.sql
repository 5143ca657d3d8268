-- How many ratings there are, and how many the filters of single ratings leave.
SELECT COUNT(*) AS n_ratings,
       CAST(COALESCE(SUM(CASE WHEN stays = 1 THEN 1 ELSE 0 END), 0) AS BIGINT) AS n_of_kept_items,
       CAST(COALESCE(SUM(CASE WHEN stays = 1 AND {is_rated_enough} THEN 1 ELSE 0 END), 0) AS BIGINT) AS n_rated_enough
FROM joined
