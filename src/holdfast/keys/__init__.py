"""Floor 2: keys. A root key protects one set of keys per vault; everything stored is encrypted under those."""
