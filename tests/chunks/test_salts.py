import os
import threading

from holdfast.chunks.salts import Salts


def test_no_salt_is_handed_out_twice_whatever_the_threads_do() -> None:
    salts = Salts(os.urandom)
    taken: list[list[bytes]] = [[] for _ in range(8)]

    def take(mine: list[bytes]) -> None:
        mine.extend(salts.next() for _ in range(3000))

    threads = [threading.Thread(target=take, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [salt for mine in taken for salt in mine]
    assert len(set(everything)) == 8 * 3000
    assert {len(salt) for salt in everything} == {32}


def test_every_byte_that_was_given_is_used_once() -> None:
    given: list[bytes] = []

    def random(size: int) -> bytes:
        given.append(os.urandom(size))
        return given[-1]

    salts = Salts(random)
    taken = {salts.next()}
    taken |= {salts.next() for _ in range(len(given[0]) // 32 - 1)}
    assert len(given) == 1
    assert b"".join(sorted(taken)) == b"".join(sorted(given[0][at : at + 32] for at in range(0, len(given[0]), 32)))
