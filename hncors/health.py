"""What is known of one stream: its link, its bytes, its time line, what it says of itself."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol

from hncors.arp import Off
from hncors.gpstime import WEEK_MS, iso, to_unix_ns
from hncors.identity import Stranger
from hncors.measure.availability import Account, Accounts
from hncors.measure.epoch import Timeline, Timelines
from hncors.measure.table import NEVER, Flag, Maybe, Number, Row, Table
from hncors.observation import I64, B
from hncors.origins import ORIGINS, Origin
from hncors.patrol import Patrol
from hncors.rtcm3.framing import Framer

STATES = (
    *("connecting", "streaming", "stalled", "no_frames", "no_epochs", "stale_data", "identity_mismatch"),
    *("auth_failed", "mountpoint_missing", "not_ntrip", "redirected", "protocol_error", "tls_failed"),
    *("unavailable", "unreachable", "disabled", "backoff"),
)
"""States of a stream (hncors_stream_state); CONTRACT: `streaming` is the only one that is up."""

STREAMING = "streaming"
WITH_EPOCHS = ("streaming", "stale_data", "identity_mismatch")
CONNECTED = "connected"  # the link's own word; what a connected stream is called, its data decide
QUIET_S = 10.0  # bytes must come within this, or within three intervals if that is longer
FRAMES_WITHIN_S = 15.0
STALE_S = 20.0  # epochs older than this on arrival are not of now
REPLAY_S = 600.0  # ... and older than this they are no delay: no caster holds data back for so long
SECOND_NS = 1_000_000_000


class Watched(Protocol):
    """What the network must know of a station (hncors.registry.Station has more)."""

    @property
    def id(self) -> str:
        """Name on everything the station sends."""

    @property
    def rate_hz(self) -> float | None:
        """Promised epochs per second; None: judged from what comes."""


class Event(NamedTuple):
    """Something that changed. `detail` holds plain values, never coordinates or secrets."""

    at_ns: int  # UTC nanoseconds since 1970
    station: str
    kind: str
    detail: dict[str, Any]


class Said(NamedTuple):
    """The last thing a station said under a message type, and when."""

    record: Any
    at_ns: int


class Streams(Table):
    """What is looked at of all streams at once."""

    FIRST: ClassVar = {
        "timed": True,
        "streaming": False,
        "station_id": NEVER,
        **dict.fromkeys(("epoch_ns", "review_ns", "without_bit"), 0),
        **dict.fromkeys(("epoch_ms", "closed_ms"), -1),
    }
    timed: B
    streaming: B  # the state is "streaming"
    epoch_ns: I64
    closed_ms: I64
    epoch_ms: I64
    review_ns: I64
    without_bit: I64
    station_id: I64


@dataclass(slots=True)
class Stream(Row):
    """One station's stream. Times are UTC nanoseconds; 0 is "never"."""

    TABLE: ClassVar = Streams

    id: str
    account: Account
    framer: Framer = field(default_factory=Framer)
    line: Timeline = field(default_factory=Timeline)
    link: str = "connecting"
    state: str = "connecting"
    since_ns: int = 0
    why: str = ""  # the link's own
    state_why: str = ""
    connected_ns: int = 0
    woke_ns: int = 0  # when the monitor last looked again after being blind; silence counts from there
    byte_ns: int = 0
    frame_ns: int = 0
    again_ns: int = 0  # when an epoch came that was not newer than the newest
    again_ms: int = -1  # ... and its GPS time
    ephemeris_ns: int = 0
    valid_ns: int = 0  # how long this connection brought epochs, before the state it is in
    reconnects: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    # Counts of connections that are over; the framer has those of this one.
    past: Counter[str] = field(default_factory=Counter)
    id_seen: dict[int, int] = field(default_factory=dict)  # station id -> epoch it was last seen in
    said: dict[int, Said] = field(default_factory=dict)
    arp_m: tuple[float, float, float] | None = None
    arp_changes: int = 0
    arp_left: tuple[tuple[float, float, float] | None, int] = (
        None,
        0,
    )  # the place before, and when it was left
    arp_off: Off | None = None  # against the registered place
    stranger: Stranger | None = None  # by its reference point the stream is of another station
    stranger_ns: int = 0  # when a reference point last said so
    kinds: dict[str, tuple[int, int]] = field(default_factory=dict)  # hncors.kinds: when seen, how many
    places: list[tuple[tuple[float, float, float], int]] = field(default_factory=list)  # and until when
    repeat: tuple[int, int, int] = (0, 0, 0)  # last epoch that came again, how many in a row, how often
    ephemerides: Counter[str] = field(default_factory=Counter)
    week_votes: dict[tuple[str, int], int] = field(default_factory=dict)
    weeks: int = 0  # by which ephemerides say arrival times are off
    origins: deque[Origin] = field(default_factory=lambda: deque(maxlen=ORIGINS))  # where it is pushed
    patrol: Patrol | None = None  # where the stream is what a patrol hears
    told: dict[str, tuple[int, int]] = field(default_factory=dict)  # event kind -> hour, how many in it
    # In the columns of all streams:
    timed = Flag()
    streaming = Flag()
    epoch_ns = Number()
    epoch_ms = Number()  # GPS time of the newest observation message
    closed_ms = Number()  # GPS time of the epoch that was complete at epoch_ns
    review_ns = Number()  # the state cannot change before this unless something comes
    without_bit = Number()  # epochs in a row none of whose messages said it was the last
    station_id = Maybe()

    def __post_init__(self) -> None:
        self.stand_alone()

    def count(self, name: str) -> int:
        """One of the framer's counts, of all connections."""
        number: int = getattr(self.framer, name)
        return self.past.get(name, 0) + number

    def bytes(self) -> dict[str, int]:
        """Bytes received by fate: in_frames + junk + pending = received."""
        fates = {name: self.count(name) for name in ("received", "in_frames", "junk")}
        return fates | {"pending": self.framer.pending}

    def frames(self) -> dict[str, int]:
        """Frames, failed checks and accepted reserved bits of all connections."""
        return {name: self.count(name) for name in ("frames", "crc_failures", "reserved_bits")}

    def restart(self) -> None:
        """Start decoding afresh: a new connection owes nothing to the last."""
        self.framer.reset()
        for name in ("received", "in_frames", "junk", "frames", "crc_failures", "reserved_bits"):
            self.past[name] += getattr(self.framer, name)
        self.framer = Framer()
        self.line.bit_untrusted = False
        self.without_bit = 0
        self.valid_ns = 0

    def hear_again(self, at_ns: int, time_ms: int) -> None:
        """An epoch came that is not newer than the newest; its GPS time."""
        if self.again_ns <= self.epoch_ns:
            self.review_ns = 0
        self.again_ns, self.again_ms = at_ns, time_ms

    def enter(self, state: str, now_ns: int) -> None:
        """Be in another state from now on."""
        self.valid_ns += self._valid_now_ns()
        self.state, self.since_ns = state, now_ns
        self.streaming = state == STREAMING

    def valid_s(self) -> float:
        """How long the connection there is has brought epochs, from first to last."""
        return (self.valid_ns + self._valid_now_ns()) / SECOND_NS if self.link == CONNECTED else 0.0

    def _valid_now_ns(self) -> int:
        """The part of it in the present state."""
        began_ns = max(self.since_ns, self.connected_ns)
        return max(self.epoch_ns - began_ns, 0) if self.state in WITH_EPOCHS else 0

    def shift(self, by_ns: int) -> None:
        """The clock that arrivals are told by is `by_ns` ahead of itself from now on."""
        for name in (
            "since_ns",
            "connected_ns",
            "woke_ns",
            "byte_ns",
            "frame_ns",
            "epoch_ns",
            "again_ns",
            "ephemeris_ns",
            "stranger_ns",
        ):
            at_ns = getattr(self, name)
            setattr(self, name, at_ns + by_ns if at_ns else 0)
        self.review_ns = 0
        if self.weeks:
            self.weeks -= round(by_ns / (WEEK_MS * 1_000_000))
        self.account.shift(by_ns // 1_000_000)
        self.line.deadline_ns += by_ns
        self.line.ahead_ms -= by_ns // 1_000_000


def stream_of(station: Watched) -> Stream:
    """The state of a station of which nothing has come yet."""
    patrol = Patrol() if getattr(station, "patrol", False) else None
    return Stream(station.id, Account(promised_ms=promised_ms(station)), patrol=patrol)


def promised_ms(station: Watched) -> int | None:
    """The interval of its epochs that a station promises."""
    return round(1000 / station.rate_hz) if station.rate_hz else None


class Tables(NamedTuple):
    """Columns of all streams of a network; row n is the n-th stream's."""

    streams: Streams
    accounts: Accounts
    lines: Timelines


def together(streams: Sequence[Stream]) -> Tables:
    """One set of columns for these streams, whose rows they are from now on."""
    tables = Tables(Streams(len(streams)), Accounts(len(streams)), Timelines(len(streams)))
    for number, stream in enumerate(streams):
        stream.enter_table(tables.streams, number)
        stream.account.enter_table(tables.accounts, number)
        stream.line.enter_table(tables.lines, number)
    return tables


def judge_state(stream: Stream, now_ns: int) -> tuple[str, str, int]:
    """State of a stream, why, and the time before which silence alone cannot change it."""
    if stream.link != CONNECTED:
        return stream.link, stream.why, 1 << 62
    quiet_ns = int(max(QUIET_S, 3e-3 * stream.account.best_interval_ms()) * SECOND_NS)
    started = stream.connected_ns
    last_byte = max(stream.byte_ns, started, stream.woke_ns)
    if now_ns - last_byte >= quiet_ns:
        return "stalled", f"no bytes for {(now_ns - last_byte) // SECOND_NS} s", 1 << 62
    limit_ns = max(quiet_ns, int(FRAMES_WITHIN_S * SECOND_NS))
    last_frame = max(stream.frame_ns, started, stream.woke_ns)
    if now_ns - last_frame >= limit_ns:
        return (
            "no_frames",
            "bytes, but no valid RTCM 3 frame: another format, or a wrong baud rate",
            last_byte + quiet_ns,
        )
    last_epoch = max(stream.epoch_ns, started, stream.woke_ns)
    again = stream.again_ns > last_epoch and now_ns - stream.again_ns < limit_ns
    if again and now_ns - last_epoch >= quiet_ns:
        return "stale_data", "epochs that came before, again", last_byte + quiet_ns
    if now_ns - last_epoch >= limit_ns:
        return "no_epochs", "frames, but no observations", last_byte + quiet_ns
    if stream.epoch_ns < started or not stream.epoch_ns:
        return "connecting", "connected, waiting for the first epoch", last_epoch + quiet_ns
    review = min(last_byte + quiet_ns, last_frame + limit_ns, last_epoch + (quiet_ns if again else limit_ns))
    if is_stale(stream):
        return "stale_data", _stale(stream), review
    if stream.stranger is not None:
        return "identity_mismatch", stream.stranger.why, review
    return STREAMING, "", review


def age_s(stream: Stream) -> float:
    """How long after its time the newest epoch arrived."""
    return (stream.epoch_ns - to_unix_ns(stream.closed_ms)) / SECOND_NS


def _stale(stream: Stream) -> str:
    """Why a stream's epochs are not of now."""
    age = age_s(stream)
    if is_replay(stream):
        return f"epochs of {iso(stream.closed_ms)} GPST: a recording, or a receiver without the time"
    return f"epochs arrive {abs(age):.0f} s {'after' if age > 0 else 'before'} their time"


def is_replay(stream: Stream) -> bool:
    """Whether the newest epoch was so far from the time it came at that no delay explains it."""
    return stream.timed and stream.closed_ms >= 0 and abs(age_s(stream)) > REPLAY_S


def replayed_s(stream: Stream) -> float | None:
    """How long after their time epochs come, new or again, where no delay explains it; None: in time."""
    if is_replay(stream):
        return age_s(stream)
    if stream.timed and stream.again_ns > stream.epoch_ns:
        age = (stream.again_ns - to_unix_ns(stream.again_ms)) / SECOND_NS
        return age if abs(age) > REPLAY_S else None
    return None


def most_replay(streams: Sequence[Stream]) -> bool:
    """Whether that holds for most of three streams or more: then it is the clock of who says so."""
    replays = [is_replay(stream) for stream in streams if stream.timed and stream.closed_ms >= 0]
    return len(replays) >= 3 and 2 * sum(replays) > len(replays)


def is_stale(stream: Stream) -> bool:
    """Whether the newest epoch was not of the time it came at."""
    return stream.timed and abs(age_s(stream)) > STALE_S
