-- Rows later than the cuts validate and test. Those of the second at a cut stay on its earlier side.
SELECT {r_columns},
       CASE WHEN r.seconds > c.test_after THEN 'test'
            WHEN r.seconds > c.validation_after THEN 'validation'
            ELSE 'train' END AS part
FROM cuts AS c CROSS JOIN indexed AS r
