"""Several actors, one of them at a time, in an order that a test chooses: every order can be played again.

An actor is a function that calls `pause` wherever another may come in between. Actors run in threads of their own, as
in the service, but only while it is their turn.
"""

import threading
from collections.abc import Callable, Iterator, Mapping

Choose = Callable[[list[str], str | None], str]
"""Who is next, of those who are not through; told who was the last."""


class Turns:
    """Plays actors to their end."""

    def __init__(self, actors: Mapping[str, Callable[[], None]]) -> None:
        self._actors = actors
        self._turn = {name: threading.Semaphore(0) for name in actors}
        self._back = threading.Semaphore(0)
        self._who = threading.local()
        self._through: set[str] = set()
        self._errors: dict[str, BaseException] = {}
        self.played: list[str] = []

    def pause(self) -> None:
        """Lets the others have their turn; outside an actor it does nothing."""
        name = getattr(self._who, "name", None)
        if name is not None:
            self._back.release()
            self._turn[name].acquire()

    def play(self, choose: Choose) -> None:
        """Everybody, turn by turn, until all are through. Raises the first actor's error."""
        threads = [threading.Thread(target=self._act, args=[name], daemon=True) for name in self._actors]
        for thread in threads:
            thread.start()
        while waiting := [name for name in self._actors if name not in self._through]:
            name = choose(waiting, self.played[-1] if self.played else None)
            self.played.append(name)
            self._turn[name].release()
            assert self._back.acquire(timeout=60), f"{name} does not come back"
        for thread in threads:
            thread.join()
        for name, error in self._errors.items():
            raise AssertionError(f"{name} failed in the order {self.played}") from error

    def _act(self, name: str) -> None:
        self._who.name = name
        self._turn[name].acquire()
        try:
            self._actors[name]()
        except BaseException as error:  # noqa: BLE001 - raised again by play
            self._errors[name] = error
        self._through.add(name)
        self._back.release()


def orders(play: Callable[[Choose], None], interruptions_max: int) -> Iterator[list[str]]:
    """Plays every order in which nobody is interrupted more than `interruptions_max` times in all, each once.

    `play` makes a new world and plays it with the given choice. Yields who had each turn.
    """
    planned: list[list[str]] = [[]]
    while planned:
        prefix = planned.pop()
        turns: list[tuple[list[str], str | None, str]] = []

        def choose(
            waiting: list[str],
            last: str | None,
            prefix: list[str] = prefix,
            turns: list[tuple[list[str], str | None, str]] = turns,
        ) -> str:
            place = len(turns)
            going_on = last if last in waiting else waiting[0]
            name = prefix[place] if place < len(prefix) else going_on
            turns.append((waiting, last, name))
            return name

        play(choose)
        played = [name for _, _, name in turns]
        yield played
        spent = 0
        for place, (waiting, last, name) in enumerate(turns):
            if place >= len(prefix):
                for other in waiting:
                    costs = spent + int(last in waiting and other != last)
                    if other != name and costs <= interruptions_max:
                        planned.append([*played[:place], other])
            spent += int(last in waiting and name != last)
