"""Floor 2: blob stores. Named, write-once byte strings in a directory or a bucket, and files that only grow."""
