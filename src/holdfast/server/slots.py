"""How many connections there may be: in all, and from one address; and which is closed so that another may come.

Connections are counted from the moment they are accepted, handshakes included. Invariants:

- no address (IPv6: no /64) has more than its share, except proxies that are trusted;
- where a share or the whole is used up, a connection that waits for a request is closed for the new one: first one
  from which no signed request has ever come, the longest waiting first. So idle connections keep no other out;
- where all are at work, the new one gets a place in a small reserve, in which only health is answered.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from holdfast.model.limits import CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_DEFAULT, RESERVED_CONNECTIONS_MAX
from holdfast.model.networks import Networks, site_of


@dataclass(frozen=True, slots=True)
class SlotOptions:
    """What there is to share."""

    connections_max: int = CONNECTIONS_MAX
    per_address_max: int = CONNECTIONS_PER_ADDRESS_DEFAULT
    reserved_max: int = RESERVED_CONNECTIONS_MAX
    trusted: Networks = field(default_factory=Networks)


class Slot:
    """The place of one connection; its holder calls `leave` when the connection ends, any number of times."""

    __slots__ = ("_slots", "address", "evict", "has_left", "is_proven", "refusal", "site")

    def __init__(self, slots: "ConnectionSlots", address: str, site: str | None, refusal: str | None) -> None:
        self._slots = slots
        self.address = address
        self.site = site
        """Whose share it counts for; None for a trusted proxy."""
        self.refusal = refusal
        """In the reserve: why every request but one for health is refused."""
        self.is_proven = False
        """Whether a signed request has come this way."""
        self.has_left = False
        self.evict: Callable[[], None] = lambda: None
        """Closes the connection."""

    def wait(self) -> None:
        """The connection waits for a request from now on."""
        if not self.has_left:
            self._slots.waits(self)

    def work(self) -> None:
        """A request is being answered from now on."""
        self._slots.works(self)

    def leave(self) -> None:
        """The connection is closed, or about to be."""
        if not self.has_left:
            self.has_left = True
            self._slots.left(self)


class _Waiting:
    """Connections that wait for a request, the longest waiting first."""

    __slots__ = ("known", "strangers")

    def __init__(self) -> None:
        self.strangers: dict[Slot, None] = {}
        self.known: dict[Slot, None] = {}

    def add(self, slot: Slot) -> None:
        (self.known if slot.is_proven else self.strangers)[slot] = None

    def drop(self, slot: Slot) -> None:
        self.strangers.pop(slot, None)
        self.known.pop(slot, None)

    def first(self) -> Slot | None:
        return next(iter(self.strangers), None) or next(iter(self.known), None)


class _Site(_Waiting):
    __slots__ = ("count",)

    def __init__(self) -> None:
        super().__init__()
        self.count = 0


class ConnectionSlots:
    """Belongs to one event loop."""

    def __init__(self, options: SlotOptions, evicted: Callable[[str, str], None]) -> None:
        """`evicted` hears of each connection that is closed for another: for which reason, and of which address."""
        self.options = options
        self._evicted = evicted
        self._count = 0
        self._reserved_count = 0
        self._sites: dict[str, _Site] = {}
        self._waiting = _Waiting()
        self._reserved_waiting = _Waiting()

    def __len__(self) -> int:
        return self._count + self._reserved_count

    def enter(self, address: str) -> Slot | None:
        """A place for a new connection, which waits; None if there is not even one in the reserve."""
        options = self.options
        site = None if options.trusted.holds(address) else site_of(address)
        share = self._sites.get(site) if site is not None else None
        refusal = None
        if share is not None and share.count >= options.per_address_max and not self._make_room(share, "address"):
            refusal = (
                f"all {options.per_address_max} connections that {site} may have are at work: use fewer, try again, or"
                " let the service allow more (--connections-per-address, --trusted-proxies)"
            )
        elif self._count >= options.connections_max and not self._make_room(self._waiting, "connections"):
            refusal = f"all {options.connections_max} connections are at work: try again, or use fewer"
        if refusal is not None:
            full = self._reserved_count >= options.reserved_max
            if full and not self._make_room(self._reserved_waiting, "reserve"):
                return None
            self._reserved_count += 1
        else:
            self._count += 1
            if site is not None:
                # Looked up again: making room may have emptied it.
                self._sites.setdefault(site, _Site()).count += 1
        slot = Slot(self, address, site, refusal)
        self.waits(slot)
        return slot

    def waits(self, slot: Slot) -> None:
        for waiting in self._places(slot):
            waiting.add(slot)

    def works(self, slot: Slot) -> None:
        for waiting in self._places(slot):
            waiting.drop(slot)

    def left(self, slot: Slot) -> None:
        self.works(slot)
        if slot.refusal is not None:
            self._reserved_count -= 1
            return
        self._count -= 1
        if slot.site is not None:
            share = self._sites[slot.site]
            share.count -= 1
            if share.count == 0:
                del self._sites[slot.site]

    def _places(self, slot: Slot) -> tuple[_Waiting, ...]:
        if slot.refusal is not None:
            return (self._reserved_waiting,)
        share = self._sites.get(slot.site) if slot.site is not None else None
        return (self._waiting,) if share is None else (self._waiting, share)

    def _make_room(self, waiting: _Waiting, reason: str) -> bool:
        victim = waiting.first()
        if victim is None:
            return False
        victim.leave()
        victim.evict()
        self._evicted(reason, victim.address)
        return True
