-- The rows of the part `{part}`, by user and then by item.
SELECT {columns} FROM parts WHERE part = '{part}' ORDER BY user_idx, item_idx
