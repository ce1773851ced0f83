"""Whoever cares for the store while it is used: collection, compaction, verification, rotation of keys, at random."""

import random
import time
from dataclasses import dataclass

from torture.service import Service

_THRESHOLDS = (1, 20, 60)
_REST_SECONDS = 0.03


@dataclass(slots=True)
class Carer:
    """Calls the care operations as an administrator would, one at a time."""

    service: Service
    vaults: tuple[str, ...]
    dice: random.Random

    def care(self) -> list[str]:
        """One piece of care, then a little rest; what was found that must not be."""
        api = self.service.api
        chosen = self.dice.random()
        found: list[str] = []
        if chosen < 0.8:
            collected = api.collect_garbage(seconds=1, compact_threshold=self.dice.choice(_THRESHOLDS))
            if collected.hold:
                found.append(f"collection is held: {collected.hold}")
        elif chosen < 0.9:
            found += verify(self.service)
        elif chosen < 0.95:
            api.collect_garbage(dry_run=True)
        else:
            api.rotate_vault_key(self.dice.choice(self.vaults))
        time.sleep(self.dice.random() * _REST_SECONDS)
        return found


def verify(service: Service) -> list[str]:
    """Everything that `holdfast verify --all` finds, one line each."""
    found: list[str] = []
    for part in service.api.verify_store():
        found += [f"verify found damage: {damage}" for damage in part.damages]
        found += [f"verify found a damaged manifest: {manifest}" for manifest in part.damaged_manifests]
    return found
