"""Floor 2: the SQL database. Vaults, series, jobs, recovery points, objects and where their chunks are.

Statements live in `statements/*.sql`, one file per noun; the module of that noun gives them Python names. A module
takes an open transaction; transactions begin and end in the services.
"""
