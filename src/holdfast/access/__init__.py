"""Floor 3: who is calling. Signatures against the secrets we know, and the file that the root access key lives in."""
