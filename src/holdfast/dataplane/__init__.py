"""Floor 3: the nine operations, and those of our own model that write and read a job's objects. One operation, one file."""
