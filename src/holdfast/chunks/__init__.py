"""Floor 2: the chunk store. Seals chunks into frames, frames into packs, and reads them back; never sees a job."""
