"""Which recovery points of a series there are, decided from what was found in the packs."""

from holdfast.catalog.findings import FoundManifest
from holdfast.records.chain import SeriesPlan, plan_series


def found(
    seq: int, base: int, *, edition: int = 1, full: bool = False, parts: int = 1, wanted: int = 1, us: int = 0
) -> FoundManifest:
    return FoundManifest(seq, f"p{seq}", edition, us or seq * 10, int(full), base, parts, wanted)


def shown(plan: SeriesPlan) -> tuple[list[tuple[int, bool]], list[int], list[int]]:
    links = [(link.manifest.seq, link.is_kept) for link in plan.links]
    return links, [lost.seq for lost in plan.lost], plan.gaps


def test_every_point_on_the_way_down_from_the_newest_is_there() -> None:
    plan = plan_series([found(1, 0), found(2, 1), found(5, 2)], set())
    assert shown(plan) == ([(1, True), (2, True), (5, True)], [], [])


def test_a_deleted_point_stays_as_what_newer_ones_build_on() -> None:
    plan = plan_series([found(1, 0), found(2, 1), found(5, 2)], {"p2"})
    assert shown(plan) == ([(1, True), (2, False), (5, True)], [], [])


def test_deleted_points_above_the_last_kept_one_were_never_made() -> None:
    assert shown(plan_series([found(1, 0), found(2, 1), found(3, 2)], {"p2", "p3"})) == ([(1, True)], [], [])
    assert shown(plan_series([found(1, 0), found(2, 1)], {"p1", "p2"})) == ([], [], [])


def test_what_no_newer_point_builds_on_was_given_up() -> None:
    # The commit of 2 did not happen although its manifest is whole: 3 was built on 1.
    assert shown(plan_series([found(1, 0), found(2, 1), found(3, 1)], set())) == ([(1, True), (3, True)], [], [])


def test_a_commit_that_was_cut_short_made_no_point() -> None:
    assert shown(plan_series([found(1, 0), found(2, 1, parts=2, wanted=0)], set())) == ([(1, True)], [], [])
    assert shown(plan_series([found(1, 0), found(2, 1, parts=2, wanted=3)], set())) == ([(1, True)], [], [])


def test_of_two_whole_manifests_the_later_edition_counts() -> None:
    plan = plan_series([found(1, 0, edition=1), found(1, 0, edition=2)], set())
    assert [link.manifest.edition for link in plan.links] == [2]


def test_an_earlier_commit_is_not_shown_for_a_later_one_that_is_damaged() -> None:
    plan = plan_series([found(1, 0), found(2, 1, edition=1), found(2, 1, edition=2, parts=1, wanted=2)], set())
    assert shown(plan)[0] == [(1, True)]
    assert 2 in plan.gaps


def test_a_manifest_that_was_only_being_written_anew_changes_nothing() -> None:
    again = found(2, 1, edition=2, full=True, parts=1, wanted=0)
    plan = plan_series([found(1, 0), found(2, 1), again], set())
    assert [(link.manifest.seq, link.manifest.edition) for link in plan.links] == [(1, 1), (2, 1)]


def test_points_that_build_on_a_missing_one_are_lost_and_named() -> None:
    plan = plan_series([found(1, 0), found(2, 1), found(4, 3), found(6, 4)], {"p4"})
    assert shown(plan) == ([(1, True), (2, True)], [6], [3])


def test_a_full_manifest_leans_on_nothing_that_is_missing() -> None:
    plan = plan_series([found(1, 0), found(4, 3, full=True, edition=2), found(6, 4)], set())
    assert shown(plan) == ([(1, True), (4, True), (6, True)], [], [3])


def test_a_deleted_point_below_a_gap_is_not_the_newest() -> None:
    assert shown(plan_series([found(1, 0), found(2, 1), found(4, 3)], {"p2"})) == ([(1, True)], [4], [3])


def test_points_come_in_order_whatever_the_clock_did() -> None:
    plan = plan_series([found(1, 0, us=500), found(2, 1, us=20), found(3, 2, us=700)], set())
    assert [link.order_us for link in plan.links] == [500, 500, 700]


def test_nothing_found_is_nothing_planned() -> None:
    assert shown(plan_series([], {"p1"})) == ([], [], [])
