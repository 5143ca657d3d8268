-- How many events there are, and how many are good.
SELECT COUNT(*) AS n_events,
       CAST(COALESCE(SUM(CASE WHEN problem IS NULL THEN 1 ELSE 0 END), 0) AS BIGINT) AS n_good
FROM checked
