"""Floor 1: the grammar of packs. Bytes in, values out; no files, no keys (docs/design/pack-format.md)."""
