-- Each event, and what is wrong with it, if anything is.
SELECT user_id, item_id, rating, timestamp, source_row,
       CASE WHEN user_id IS NULL THEN 'it names no user'
            WHEN item_id IS NULL THEN 'it names no item'
            WHEN rating < {lowest} OR rating > {highest} THEN 'its rating is outside the scale'
            WHEN timestamp < 0 THEN 'its time is negative' END AS problem
FROM (
    SELECT CAST({user} AS STRING) AS user_id, CAST({item} AS STRING) AS item_id, {rating} AS rating,
           {timestamp} AS timestamp, CAST({row} AS BIGINT) AS source_row
    FROM events
) AS e
