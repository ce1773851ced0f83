"""A service that may open few files has fewer connections, and says so."""

import socket
from contextlib import ExitStack
from pathlib import Path

from tests.cli.serving import holdfast, serving, wait_for


def test_at_a_low_limit_of_open_files_strangers_take_none_that_a_backup_needs(tmp_path: Path):
    data, tree = tmp_path / "store", tmp_path / "tree"
    tree.mkdir()
    for each in range(40):
        (tree / str(each)).write_bytes(b"%d" % each * 5000)
    with serving(data, "--reserve", "0", under=("prlimit", "--nofile=64:64")) as service, ExitStack() as strangers:
        for _ in range(150):
            strangers.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=120))
        environ = service.environ(data)
        done = holdfast("backup", str(tree), environ=environ)
        assert done.returncode == 0, done.stderr
        wait_for(lambda: "gave way" in service.log.read_text())
        service.terminate()
        log = service.log.read_text()
        assert '"limit":64' in log
        assert "the limit of open files is low" in log
        assert not any(word in log for word in ("Traceback", '"event":"defect"', '"status":500'))
