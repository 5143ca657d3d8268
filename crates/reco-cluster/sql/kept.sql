-- How many ratings all filters leave.
SELECT COUNT(*) AS n_kept FROM rated
