-- The events that are left out, and why.
SELECT source_row, problem FROM checked WHERE problem IS NOT NULL ORDER BY source_row
