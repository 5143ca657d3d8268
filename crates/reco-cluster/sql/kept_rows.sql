-- The rows of the {what}s that stay, in the order of the catalogue.
SELECT {row} FROM {what}s ORDER BY {idx}
