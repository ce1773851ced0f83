"""What a transaction is for: that decides what it may run beside, and what it may still do when there is no room."""

from enum import Enum


class Purpose(Enum):
    """Given by whoever submits a step; a group of steps that share a transaction has one purpose."""

    ADD = "add"
    """Adds to, or removes from, jobs that run: chunks, uploads, objects. May run beside others of its kind."""
    READ = "read"
    """Notes what a reader needs: a restore job, a lease. As ADD; also done on a full disk and in a store that moves."""
    CHANGE = "change"
    """Anything else. Runs alone."""
    FREE = "free"
    """As CHANGE; frees room, or leads to it, so that it is also done on a full disk."""
    BEGIN = "begin"
    """As FREE; says who may write at all (a writer's number, a freeze), and is itself not asked whether it may."""

    @property
    def is_urgent(self) -> bool:
        """Whether it must also be possible on a full disk."""
        return self in (Purpose.READ, Purpose.FREE, Purpose.BEGIN)

    @property
    def is_shared(self) -> bool:
        """Whether others that are shared may run at the same time (docs/design/isolation.md)."""
        return self in (Purpose.ADD, Purpose.READ)
