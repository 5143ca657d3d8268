-- The lowest and the highest rating of each item, of {which}.
SELECT item_idx, MIN(rating) AS low, MAX(rating) AS high
FROM parts WHERE rating IS NOT NULL{and_train} GROUP BY item_idx
