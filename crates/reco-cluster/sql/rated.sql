-- The ratings of kept items that are not below `min_rating`.
SELECT user_row, item_row, rating, seconds, source_row, draw{contexts}
FROM joined
WHERE stays = 1 AND {is_rated_enough}
