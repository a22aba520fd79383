"""Framing against a brute-force scan (tests/wire.py): no intact frame lost, every byte accounted for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire import crc24q, framed, scan

from hncors.rtcm3 import crc, framing
from hncors.rtcm3.framing import Framer

EMPTY = bytes.fromhex("D3 00 00 47 EA 4B")
GGA = b"$GNGGA,011000.00,3426.40637,N,13224.88684,E,1,12,0.9,233.4,M,,M,,*5A\r\n"
UBX = bytes.fromhex("B5 62 01 07 06 00 D3 00 13 D3 03 FF 0B 5C")
PCAP = bytes.fromhex("D4 C3 B2 A1 02 00 04 00 00 00 00 00 00 00 00 00 FF FF 00 00 01 00 00 00")


def identity(framer: Framer) -> None:
    assert framer.received == framer.in_frames + framer.junk + framer.pending


def take(framer: Framer, data: bytes, size: int) -> list[bytes]:
    """Everything in chunks of `size`; the end counts as silence."""
    frames = []
    for at in range(0, len(data), size):
        frames += framer.feed(data[at : at + size])
        identity(framer)
    frames += framer.idle()
    identity(framer)
    return frames


def some_frames(seed: int, count: int) -> list[bytes]:
    """Frames of any length and content; preambles inside are frequent."""
    r = Random(seed)
    lengths = [0, 1, 2, 1023, 300, 19, *(r.randrange(2, 400) for _ in range(count))][:count]
    return [framed(bytes(r.choice((0xD3, 0x00, r.getrandbits(8))) for _ in range(n))) for n in lengths]


def test_check_is_crc_24q() -> None:
    # The published check value of CRC-24/LTE-A's polynomial with no initial value: over "123456789".
    assert crc24q(b"123456789") == crc.crc24q(b"123456789") == 0xCDE703
    assert crc.crc24q(EMPTY) == 0


@pytest.mark.parametrize("length", [0, 1, 2, 255, 256, 1022, 1023])
def test_r04_one_frame(length: int) -> None:
    frame = framed(b"\x3e" * length)
    assert length != 0 or frame == EMPTY
    framer = Framer()
    assert framer.feed(frame) == [frame]
    assert (framer.in_frames, framer.junk, framer.pending, framer.frames) == (length + 6, 0, 0, 1)


@pytest.mark.parametrize("length", [0, 1, 1023])
def test_a_frame_byte_by_byte_comes_with_its_last_byte(length: int) -> None:
    frame = framed(b"\xd3" * length)
    framer = Framer()
    for at in range(len(frame) - 1):
        assert framer.feed(frame[at : at + 1]) == []
        assert framer.pending == at + 1
    assert framer.feed(frame[-1:]) == [frame]


def disturbed(frames: list[bytes], what: str) -> bytes:
    """A disturbance before every tenth frame (that frame's own length corrupted, for "length")."""
    r = Random(what)
    out = bytearray()
    for number, frame in enumerate(frames):
        if number % 10 == 9:
            match what:
                case "length to 1023":
                    out += frame[:1] + b"\x03\xff" + frame[3:]
                    continue
                case "length to 0":
                    out += frame[:1] + b"\x00\x00" + frame[3:]
                    continue
                case "length one off":
                    out += frame[:2] + bytes([frame[2] ^ 1]) + frame[3:]
                    continue
                case "random":
                    out += r.randbytes(20)
                case "half a frame":
                    out += frame[: len(frame) // 2]
                case _:
                    out += {
                        "nothing": b"",
                        "stray": b"\xd3",
                        "D3 00 13": b"\xd3\x00\x13",
                        "D3 03 FF": b"\xd3\x03\xff",
                        "NMEA": GGA,
                        "UBX": UBX,
                        "text": b"HTTP/1.1 200 OK\r\n\r\nhello \xd3\xd3\xd3",
                        "pcap": PCAP,
                    }[what]
        out += frame
    return bytes(out)


DISTURBANCES = (
    "nothing,stray,D3 00 13,D3 03 FF,NMEA,UBX,text,pcap,random,half a frame,"
    "length to 1023,length to 0,length one off"
).split(",")


@pytest.mark.parametrize("what", DISTURBANCES)
def test_r01_no_intact_frame_is_lost_however_it_is_cut(what: str) -> None:
    frames = some_frames(1, 60)
    data = disturbed(frames, what)
    found = scan(data)
    intact = [f for n, f in enumerate(frames) if n % 10 != 9 or not what.startswith("length")]
    assert [f for f in found if f in set(intact)] == intact
    outcomes = set()
    for size in (1, 7, 512, len(data)):
        framer = Framer()
        assert take(framer, data, size) == found
        outcomes.add((framer.frames, framer.in_frames, framer.junk, framer.pending, framer.crc_failures))
    assert len(outcomes) == 1
    assert outcomes.pop()[:2] == (len(found), sum(map(len, found)))


@pytest.mark.parametrize("what", ["D3 00 13", "D3 03 FF", "NMEA", "length to 1023", "random"])
def test_r01_no_intact_frame_of_a_recording_is_lost(what: str, recordings: Path) -> None:
    frames = scan((recordings / "streams" / "alloy-bds3-33s.rtcm3").read_bytes())
    data = disturbed(frames, what)
    found = scan(data)
    assert len(found) == len(frames) - (29 if what.startswith("length") else 0)
    for size in (512, len(data)):
        assert take(Framer(), data, size) == found


@pytest.mark.parametrize(
    "name", "f9t-mixed-ubx-26s.bin swift-test-gal-eph.rtcm3 mixed-one-bad-crc.bin javad-2016-23s.bin".split()
)
def test_recordings_with_other_bytes_in_them(name: str, recordings: Path) -> None:
    data = (recordings / "streams" / name).read_bytes()
    assert take(Framer(), data, 1000) == scan(data)


PIECES = st.one_of(
    st.binary(max_size=60).map(framed),
    st.binary(max_size=12),
    st.lists(st.sampled_from([0xD3, 0x00, 0x03, 0xFF, 0x06]), max_size=12).map(bytes),
    st.builds(lambda data, at: framed(data)[:at], st.binary(max_size=40), st.integers(0, 45)),
    st.builds(lambda data, n: framed(data)[:-n] + b"\x00" * n, st.binary(max_size=40), st.integers(1, 3)),
    st.builds(framed, st.binary(max_size=20), st.integers(1, 63)),
    st.just(EMPTY),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES, max_size=14).map(b"".join), st.lists(st.integers(0, 90), max_size=30))
def test_frames_and_bytes_add_up_for_any_bytes_and_cuts(data: bytes, sizes: list[int]) -> None:
    framer, frames, at = Framer(), [], 0
    for size in [*sizes, len(data)]:
        frames += framer.feed(data[at : at + size])
        at += size
        identity(framer)
        assert framer.in_frames == sum(map(len, frames))
        assert framer.pending < framing.MAX_FRAME
    frames += framer.idle()
    identity(framer)
    assert frames == scan(data)
    assert framer.reserved_bits == sum(frame[1] >= 4 for frame in frames)
    assert framer.frames == len(frames)
    assert framer.received == len(data)
    pending = framer.pending
    assert framer.reset() == pending
    identity(framer)
    assert framer.pending == 0


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(PIECES, st.booleans()), max_size=14),
)
def test_silence_at_any_moment_loses_no_frame_that_was_whole(moments: list[tuple[bytes, bool]]) -> None:
    """Silence may let frames through early; those that arrived whole between two silences are all found."""
    framer = Framer()
    found, whole = [], []
    for data, silent in moments:
        found += framer.feed(data)
        if data[:1] == b"\xd3" and scan(data) == [data]:
            whole.append(data)
        if silent:
            found += framer.idle()
        identity(framer)
    found += framer.idle()
    remaining = iter(found)
    for frame in whole:
        inside = any(frame in longer for longer in found)
        assert inside or frame in remaining


def test_r03_reserved_bits_are_accepted_and_counted() -> None:
    framer = Framer()
    odd = framed(b"\x3e\xd0\x00", reserved=0b100001)
    assert odd[1] == 0b10000100
    assert framer.feed(odd + framed(b"\x01") + odd) == [odd, framed(b"\x01"), odd]
    assert framer.reserved_bits == 2
    assert framer.crc_failures == 0


def test_r02_false_leader_at_the_tail_holds_frames_back_until_idle() -> None:
    good = [framed(bytes([n] * 30)) for n in range(3)]
    framer = Framer()
    assert framer.feed(good[0] + b"\xd3\x03\xff" + good[1] + good[2]) == [good[0]]
    assert framer.pending == 3 + 36 * 2
    assert framer.idle() == good[1:]
    assert (framer.pending, framer.junk) == (0, 3)
    assert framer.idle() == []
    identity(framer)


def test_r02_false_leader_is_given_up_when_its_length_has_come() -> None:
    good = [framed(bytes([n] * 30)) for n in range(40)]
    framer = Framer()
    found = []
    delay = 0
    for number, frame in enumerate([b"\xd3\x03\xff", *good]):
        found += framer.feed(frame)
        delay = max(delay, number - len(found))
    assert found == good
    assert delay <= 1029 // 36 + 1
    assert framer.crc_failures == 1


def test_idle_keeps_a_true_frame_whose_rest_is_late() -> None:
    late = framed(b"\x3e\xd0" + b"\xd3\x00" * 40)
    for cut in range(1, len(late)):
        framer = Framer()
        assert framer.feed(late[:cut]) == []
        assert framer.idle() == []
        identity(framer)
        assert framer.feed(late[cut:]) == [late], cut
    framer = Framer()
    first = framed(b"abc")
    assert framer.feed(b"\xd3\x03\xff" + first + late[:50]) == []
    assert framer.idle() == [first]
    assert framer.pending == 50
    assert framer.feed(late[50:]) == [late]
    identity(framer)


def test_idle_with_nothing_held() -> None:
    framer = Framer()
    assert framer.idle() == []
    assert framer.feed(b"") == []
    assert framer.feed(b"abc") == []
    assert framer.idle() == []
    identity(framer)
    assert (framer.junk, framer.pending) == (3, 0)


def bad(frame: bytes, at: int = -1) -> bytes:
    """The frame with one byte wrong."""
    data = bytearray(frame)
    data[at] ^= 0x41
    return bytes(data)


@pytest.mark.parametrize(
    "wrong", [[0], [1, 2], [5, 31], [0, 1, 2, 3], [30, 31, 32, 33], [63], [*range(0, 64, 2)]]
)
def test_several_bad_frames_in_a_run(wrong: list[int]) -> None:
    frames = [framed(bytes([n, n + 1, n + 2])) for n in range(64)]
    data = b"".join(bad(f) if n in wrong else f for n, f in enumerate(frames))
    framer = Framer()
    # In what is left of a bad frame, a byte of its check may look like a leader.
    good = [f for n, f in enumerate(frames) if n not in wrong]
    assert framer.feed(data) + framer.idle() == good == scan(data)
    assert framer.crc_failures >= len(wrong)
    identity(framer)


def test_a_burst_over_the_edge_of_two_frames_spoils_both() -> None:
    frames = [framed(bytes(range(n, n + 20))) for n in range(10)]
    data = bytearray(b"".join(frames))
    edge = len(frames[0]) * 4
    data[edge - 2] ^= 0xFF
    data[edge + 4] ^= 0xFF
    assert Framer().feed(bytes(data)) == frames[:3] + frames[5:]


def bad_ends() -> bytes:
    frame = framed(bytes(1023))
    return b"".join([frame] * 5 + [bad(frame)]) * 33


HOSTILE = {
    "D3 00 00": b"\xd3\x00\x00" * 66_667,
    "all D3": b"\xd3" * 60_000,
    "D3 03 FF": b"\xd3\x03\xff" * 20_000,
    "frames and all D3": (EMPTY * 63 + b"\xd3" * 1000) * 40,
    "runs with a bad end": bad_ends(),
}


@pytest.mark.parametrize("chunk", [1_000, 200_000])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_cost_no_more_than_a_frame_each(
    name: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes hashed, not time: at most the longest frame for each byte that could be a leader, thrice.

    Once alone, and less than twice more in runs that a bad frame spoils.
    """
    data = HOSTILE[name]
    hashed = 0
    true_check: Callable[[bytes], int] = crc.crc24q

    def counting(data: bytes) -> int:
        nonlocal hashed
        hashed += len(data)
        return true_check(data)

    monkeypatch.setattr(framing, "crc24q", counting)
    framer = Framer()
    for at in range(0, len(data), chunk):
        framer.feed(data[at : at + chunk])
    framer.idle()
    identity(framer)
    assert hashed <= 3 * framing.MAX_FRAME * data.count(b"\xd3")
    if name == "D3 00 00":
        assert hashed <= 4 * len(data)


def test_many_small_chunks_behind_a_false_leader_are_not_copied_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = 0

    def counting(data: bytes) -> int:
        nonlocal calls
        calls += 1
        return crc24q(data)

    monkeypatch.setattr(framing, "crc24q", counting)
    framer = Framer()
    framer.feed(b"\xd3\x03\xff")
    for _ in range(1025):
        framer.feed(b"\x00")
    assert calls == 0
    framer.feed(b"\x00")
    assert calls == 1


def test_wrong_checks_that_cancel_out_are_wrong_all_the_same() -> None:
    good = framed(b"\x3e\xd0\x00\x01")
    first = good[:-1] + bytes([good[-1] ^ 1])
    # what makes the remainder over both together 0, as the check of one long frame would
    second = good[:-3] + crc24q(first + good[:-3]).to_bytes(3, "big")
    assert crc24q(first + second) == 0 and crc24q(first) and crc24q(second)
    framer = Framer()
    assert framer.feed(first + second + good) == scan(first + second + good) == [good]
    assert framer.junk == len(first + second)


@pytest.mark.parametrize("size", [1, 2, 5, 7, 100])
def test_what_no_frame_can_begin_with_is_junk_at_once(size: int) -> None:
    """However few bytes come at a time; what may be a leader waits."""
    framer = Framer()
    data = b"no frame\xd3\x00"
    for at in range(0, len(data), size):
        assert framer.feed(data[at : at + size]) == []
    assert (framer.junk, framer.pending) == (8, 2)
