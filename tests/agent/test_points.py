"""The order of recovery points is that of their commits, whatever the clocks said."""

from holdfast.agent.points import ahead_of, as_of, merged, moment
from holdfast.client.answers import RecoveryPoint

DAY = 24 * 3600.0
NOW = 20_000 * DAY


def made(name: str, days_from_now: float) -> RecoveryPoint:
    return RecoveryPoint(name, completion_date=NOW + days_from_now * DAY)


def names(*vaults: list[RecoveryPoint]) -> list[str]:
    return [point.recovery_point_arn for point in merged(vaults)]


def test_the_one_committed_last_is_the_latest_although_an_earlier_one_came_from_the_future() -> None:
    assert names([made("third", -1), made("second", -2), made("first", 400)]) == ["first", "second", "third"]


def test_points_of_several_vaults_are_merged_by_time_and_one_from_the_future_counts_as_its_successor_does() -> None:
    photos = [made("photos-3", -1), made("photos-2", 400), made("photos-1", -5)]
    mail = [made("mail-2", -0.5), made("mail-1", -3)]
    assert names(photos, mail) == ["photos-1", "mail-1", "photos-2", "photos-3", "mail-2"]


def test_a_clock_that_went_back_moves_no_point_before_the_ones_committed_earlier() -> None:
    assert names([made("c", -20_000), made("b", -1), made("a", -2)]) == ["a", "b", "c"]


def test_points_ahead_of_now_by_more_than_clocks_differ_are_found() -> None:
    points = [made("past", -1), made("now", 0), made("nearly", 10 / (24 * 60)), made("ahead", 0.5)]
    assert [point.recovery_point_arn for point in ahead_of(points, int(NOW * 1e6))] == ["ahead"]


def test_a_time_means_the_latest_point_that_had_been_made_by_then_whatever_a_wrong_clock_said() -> None:
    vault = [made("third", -1), made("second", -3), made("first", 400)]

    def at(days: float) -> str | None:
        found = as_of([vault], NOW + days * DAY)
        return found.recovery_point_arn if found else None

    # The first was made before the second, so by the time of the second at the latest.
    assert [at(-4), at(-3), at(-2), at(-1), at(500)] == [None, "second", "second", "third", "third"]


def test_a_date_means_its_end_and_a_time_with_a_zone_means_that_zone() -> None:
    assert moment("2026-12-01T10:00:00+00:00") == 1796119200.0
    assert moment("2026-12-01T10:00:00+02:00") == 1796119200.0 - 7200
    day, next_day = moment("2026-12-01"), moment("2026-12-02T00:00:00")
    assert day is not None
    assert next_day is not None
    assert 0 < next_day - day < 1
    assert [moment(text) for text in ("latest", "arn:aws:backup:x", "yesterday", "")] == [None] * 4
