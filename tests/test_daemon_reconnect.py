"""Waits between connections, on a virtual clock."""

import random

import pytest

from hncors.daemon.reconnect import Pace, Turns


class Never(random.Random):
    """A die that always shows the least, or the most."""

    def __init__(self, shows: float) -> None:
        super().__init__()
        self.shows = shows

    def random(self) -> float:
        return self.shows


def waits(pace: Pace, state: str, count: int) -> list[float]:
    """The waits after `count` attempts that fail at once."""
    now_s, out = 1000.0, []
    for _ in range(count):
        pace.begin(now_s)
        out.append(pace.wait_s(now_s, state))
        now_s += out[-1]
    return out


def test_waits_double_to_the_longest():
    assert waits(Pace(10, 300, Never(0.0)), "unreachable", 7) == [10, 20, 40, 80, 160, 300, 300]


def test_waits_are_lengthened_by_up_to_a_half():
    assert waits(Pace(10, 300, Never(1.0)), "unreachable", 6) == [15, 30, 60, 120, 240, 450]
    drawn = waits(Pace(10, 10, random.Random(1)), "backoff", 50)
    assert min(drawn) >= 10
    assert max(drawn) <= 15
    assert len(set(drawn)) == 50


def test_n19_a_good_stream_starts_afresh_and_a_bad_one_does_not():
    pace = Pace(10, 300, Never(0.0))
    waits(pace, "backoff", 4)
    assert pace.wait_s(0, "backoff") == 160
    pace.proved()
    assert pace.wait_s(0, "backoff") == 10


def test_n08_a_refused_password_waits_longer():
    assert waits(Pace(1, 10, Never(0.0)), "auth_failed", 6) == [30, 60, 120, 240, 300, 300]


@pytest.mark.parametrize(("asked", "waited"), [(None, 10), (5.0, 10), (120.0, 120), (1e9, 3600)])
def test_n08_what_the_caster_asks_counts_within_reason(asked, waited):
    assert Pace(10, 300, Never(0.0)).wait_s(0, "unavailable", asked) == waited


def test_n19_never_more_than_six_attempts_in_a_minute():
    pace = Pace(1, 1, Never(0.0))
    begun, now_s = [], 0.0
    for _ in range(60):
        begun.append(now_s)
        pace.begin(now_s)
        now_s += pace.wait_s(now_s, "backoff")
    assert all(later - first >= 60 for first, later in zip(begun, begun[6:], strict=False))


def test_turns_space_the_connections_of_one_host_only():
    turns = Turns(per_s=10)
    assert [turns.take("a", 50.0) for _ in range(4)] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert turns.take("b", 50.0) == 0
    assert turns.take("a", 50.05) == pytest.approx(0.35)
    assert turns.take("a", 60.0) == 0


def test_n20_two_hundred_streams_of_a_restarted_caster_are_all_back_within_a_minute():
    """Each fails once as the caster goes, waits its first wait, then its turn."""
    turns, chance = Turns(per_s=10), random.Random(2)
    ready = sorted(Pace(10, 300, chance).wait_s(0, "backoff") for _ in range(200))
    back = [at + turns.take("a", at) for at in ready]
    assert max(back) < 60
    for at in back:
        assert sum(at <= other < at + 0.999 for other in back) <= 10
