"""Floor 1: AWS Signature Version 4 in headers, both ways; plain values in and out, no I/O."""
