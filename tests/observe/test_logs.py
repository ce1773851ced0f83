import io
import json
import logging

from holdfast.observe.logs import StandardLibraryHandler, open_log, request_id


def events(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_with_the_id_of_the_request_being_served():
    stream = io.StringIO()
    log = open_log("info", "json", stream)
    token = request_id.set("r-1")
    log.info("stored", chunks=3)
    request_id.reset(token)
    log.info("idle")
    first, second = events(stream)
    assert (first["event"], first["chunks"], first["request_id"], first["level"]) == ("stored", 3, "r-1", "info")
    assert "request_id" not in second


def test_events_below_the_level_are_not_written():
    stream = io.StringIO()
    log = open_log("warning", "json", stream)
    log.info("quiet")
    log.warning("loud")
    assert [event["event"] for event in events(stream)] == ["loud"]


def test_what_sounds_secret_is_blotted_out_in_both_forms():
    for form in ("json", "text"):
        stream = io.StringIO()
        open_log("info", form, stream).info("key made", secret_access_key="hunter2", authorization="hunter2")  # type: ignore[arg-type]
        assert "key made" in stream.getvalue()
        assert "hunter2" not in stream.getvalue()


def test_a_traceback_stays_on_its_line():
    stream = io.StringIO()
    try:
        raise KeyError("why")
    except KeyError as error:
        open_log("info", "json", stream).error("defect", exc_info=error)
    (event,) = events(stream)
    assert "KeyError: 'why'" in str(event["exception"])


def test_a_log_that_cannot_be_written_fails_nothing():
    stream = io.StringIO()
    log = open_log("info", "json", stream)
    stream.close()
    log.info("into the void")


def test_what_libraries_log_comes_out_in_the_same_form():
    stream = io.StringIO()
    other = logging.getLogger("some.library")
    other.addHandler(StandardLibraryHandler(open_log("info", "json", stream)))
    other.warning("took %d seconds", 5)
    assert [(event["event"], event["part"]) for event in events(stream)] == [("took 5 seconds", "some.library")]


def test_what_others_named_does_not_steer_the_terminal_on_which_a_log_is_read():
    evil = "a\x1b[2J\u009b\u202e\n\U000e0041\x7f"
    for form in ("json", "text"):
        stream = io.StringIO()
        log = open_log("info", form, stream)  # type: ignore[arg-type]
        log.info(evil, name=evil, names=[evil], error=ValueError(evil))
        try:
            raise ValueError(evil)
        except ValueError:
            log.exception("failed", count=3)
        assert not set("\x1b\u009b\u202e\U000e0041\x7f") & set(stream.getvalue())
        assert "2J" in stream.getvalue()
    stream = io.StringIO()
    open_log("info", "json", stream).info("named", name=evil)
    assert events(stream)[0]["name"] == evil
