"""Floor 3: our own client of the service: a transport, signing, retries, and one typed method per operation."""
