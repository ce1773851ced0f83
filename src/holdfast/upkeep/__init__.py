"""Floor 3: what nobody asks for but must happen. Jobs end with their leases, and rows that nobody can see are removed.

Work is done in small steps, each a transaction of its own, so that it can stop, crash or be done twice at any point.
"""
