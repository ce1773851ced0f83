"""Floor 0: what the outside may watch, metrics and logs. Knows nothing of what it counts."""
