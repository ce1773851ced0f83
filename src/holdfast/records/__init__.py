"""Floor between the planes and the chunk store: what the packs say of themselves, so that the catalog is expendable.

Manifests of recovery points and records of vaults and deletions are sealed here, written anew where they are damaged,
and read back to make a catalog from nothing but packs and keys (docs/design/manifest.md, docs/design/rebuild.md).
"""
