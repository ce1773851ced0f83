"""Floor 3: the nine operations, and those of our own model that write and read objects. One operation, one file."""
