-- How many rows validate, before `refit` gives them to train.
SELECT COUNT(*) AS n_validated FROM split WHERE part = 'validation'
