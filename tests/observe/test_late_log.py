"""A log that is opened by its first event writes what an open one would."""

import subprocess
import sys

from holdfast.observe.metrics import Metrics
from holdfast.observe.unmeasured import Unmeasured

PROGRAM = """
import sys
from holdfast.observe.late_log import late_log
log = late_log("warning").bind(part="gateway")
log.info("request", status=200)
print("structlog" in sys.modules)
log.error("damaged", reason="a frame")
print("structlog" in sys.modules)
"""


def test_a_late_log_is_opened_by_the_first_event_that_is_written() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True"]
    (line,) = ran.stderr.splitlines()
    assert '"event":"damaged"' in line and '"part":"gateway"' in line and '"reason":"a frame"' in line


def test_nothing_that_metrics_are_given_reaches_the_library_where_they_are_not_measured() -> None:
    public = {name for name in vars(Metrics) if not name.startswith("_")} - {"content_type"}
    assert public - set(vars(Unmeasured)) == set()


def test_the_type_of_the_page_is_the_one_that_the_library_names() -> None:
    from prometheus_client.exposition import CONTENT_TYPE_LATEST

    assert Metrics.content_type.decode() == CONTENT_TYPE_LATEST
