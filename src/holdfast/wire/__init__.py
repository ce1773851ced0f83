"""Floor 1: HTTP requests to operation parameters and back, driven by the service models; no sockets, no files."""
