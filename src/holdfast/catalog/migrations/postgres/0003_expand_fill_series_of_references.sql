-- In a step of its own: nothing waits for it but what would remove these rows.
UPDATE object_chunks r SET series_no = o.series_no FROM objects o WHERE o.object_no = r.object_no AND r.series_no = 0;
