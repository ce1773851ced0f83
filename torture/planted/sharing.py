"""Bugs in what several nodes of one store owe each other: who may write, what a lost answer means, whose turn it is."""

from torture.planted.bug import Bug, bug

_LOST = "tests/catalog/test_postgres_lost_commits.py"
_STEPS = "tests/catalog/test_postgres_schema_steps.py"
_REBUILT = "tests/records/test_rebuild_on_postgres.py"
_HEART = "tests/upkeep/test_heartbeat.py"
_WHOLE = "tests/chunks/test_whole_packs.py"

BUGS: tuple[Bug, ...] = (
    bug(
        "A node that was taken for dead goes on writing under its old number",
        "G1",
        "catalog/postgres.py",
        "                writers.require_admitted(tx, self._writer_no, trial.purpose)\n",
        "                assert writers\n",
        f"{_HEART}::test_an_ended_one_is_refused_once_and_begins_anew",
    ),
    bug(
        "A commit whose answer was lost is taken for done",
        "G1",
        "catalog/postgres_outcome.py",
        "                return found is not None and found[0] == began.number\n",
        "                return found is not None\n",
        f"{_LOST}::test_cut_after_each_byte_around_the_commit_every_step_happens_once",
    ),
    bug(
        "A commit whose answer was lost is judged by a row that is another's by now",
        "G1",
        "catalog/postgres_outcome.py",
        "            keep = False\n",
        "            keep = bool(self._free) or True\n",
        f"{_LOST}::test_what_else_is_done_before_the_outcome_is_known_does_not_hide_it",
    ),
    bug(
        "A catalog is replaced by a new one while a node writes to it",
        "G1",
        "catalog/postgres_install.py",
        "        if alive:\n",
        "        if len(alive) > 99:\n",
        f"{_REBUILT}::test_a_node_that_lives_keeps_the_catalog",
    ),
    bug(
        "A rebuilt catalog gives out numbers of writers that a sleeping node still has",
        "G1",
        "catalog/postgres_install.py",
        "                self._number_writers_from(newest + 1 + secrets.randbelow(2**31))\n",
        "                self._number_writers_from(1 + 0 * secrets.randbelow(2))\n",
        f"{_REBUILT}::test_no_number_of_a_writer_is_ever_given_again",
    ),
    bug(
        "A program goes on although a newer one has taken away what it needs",
        "G2",
        "catalog/postgres.py",
        "                if trial.purpose is Purpose.BEGIN:\n",
        "                if trial.purpose is Purpose.BEGIN and not trial.steps:\n",
        f"{_STEPS}::test_one_that_was_thought_dead_while_something_was_taken_away_does_not_begin_anew",
    ),
    bug(
        "Something is taken away from a program that still writes",
        "G2",
        "catalog/postgres_schema.py",
        "                if not _all_speak(connection, step.number):\n",
        "                if not _all_speak(connection, 0):\n",
        f"{_STEPS}::test_what_adds_is_applied_while_an_older_program_writes_and_what_takes_away_waits",
    ),
    bug(
        "A pack is sent to the bucket before anybody knows of it",
        "G3",
        "chunks/whole_packs.py",
        "                self._writer.announce(vault, uids)\n",
        "                self._writer.announce(vault, uids[1:])\n",
        f"{_WHOLE}::test_a_pack_is_announced_before_it_is_sent",
    ),
    bug(
        "A pack that was announced by an ended writer is still begun",
        "G1",
        "chunks/whole_packs.py",
        "            self._ahead.clear()\n",
        "            assert self._ahead is not None\n",
        f"{_WHOLE}::test_what_was_announced_ahead_is_never_begun_once_it_was_let_go",
    ),
    bug(
        "A pack counts as closed while its transaction is under way",
        "G3",
        "chunks/whole_packs.py",
        "            return pack_uid in self._written or pack_uid in self._ahead.get(vault, ())\n",
        "            return pack_uid in self._ahead.get(vault, ())\n",
        f"{_WHOLE}::test_a_pack_is_open_until_its_transaction_has_ended_and_then_never_again",
        f"{_WHOLE}::test_a_pack_stays_open_while_its_transaction_is_under_way",
    ),
    bug(
        "Whoever is silent for a moment too long because the watcher slept is ended",
        "G1",
        "upkeep/heartbeat.py",
        "            self._seen.clear()\n",
        "            self._looked = now\n",
        f"{_HEART}::test_a_gap_in_ones_own_looking_is_no_silence_of_others",
    ),
)
