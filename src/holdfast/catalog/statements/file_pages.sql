-- name: free_and_total
SELECT f.freelist_count, t.page_count FROM pragma_freelist_count f CROSS JOIN pragma_page_count t;
