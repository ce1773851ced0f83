"""Bugs of the agent: what was read is not what is stored, what is restored lands elsewhere."""

from torture.planted.bug import Bug, bug

BUGS: tuple[Bug, ...] = (
    bug(
        "An upload that failed passes for a file that was stored",
        "G4",
        "agent/crew.py",
        "                self._failure = failure\n",
        "                self._failure = None and failure\n",
        "tests/agent/test_lost_uploads.py::test_an_upload_that_never_arrives_fails_the_run_although_all_others_do",
    ),
    bug(
        "A restore follows a link that stands where a directory was",
        "G7",
        "agent/directory.py",
        "os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC",
        "os.O_DIRECTORY | os.O_CLOEXEC",
        "tests/agent/test_target.py::test_a_racer_swapping_directory_and_link_never_gets_a_byte_outside",
    ),
    bug(
        "A chunk that was altered on its way is written to a file",
        "G2",
        "client/reading.py",
        '.encode("ascii") != declared or (digest is not None and digest != actual):\n',
        '.encode("ascii") != declared and digest == b"":\n',
        "tests/client/test_api.py::test_a_chunk_that_does_not_have_its_checksum_is_fetched_again_and_then_an_error",
        "tests/client/test_api.py::test_a_chunk_other_than_the_listed_one_is_an_error",
    ),
)
