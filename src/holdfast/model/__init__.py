"""Floor 0: the words of the system. Values, limits, errors and decisions; standard library only, no I/O."""
