"""One conversation with a caster, read to its end: bytes in, verdicts and stream bytes out."""

from hncors.ntrip.aside import Aside
from hncors.ntrip.response import Body, End, Event, Fault, Head, Parser
from hncors.ntrip.verdict import MEANINGS, NO_ANSWER, Verdict, opening, told_by_more, verdict
from hncors.text import printable


class Dialogue:
    """`feed` what the caster sent, in any pieces, and `close` when the connection ended.

    Both give, in order, `Verdict`s and pieces of the stream as bytes.  The first verdict is "connected" or
    says why there is no stream; a later one ends it.  After a verdict other than "connected" nothing more
    comes: `over` is true and the connection should be closed.  While `reads_on` is true there is a verdict
    already, and what comes now tells more of it: `conclude` gives it where that takes too long.
    """

    def __init__(self, mountpoint: str = "") -> None:
        self.over = False
        self.reads_on = False
        self._mountpoint = mountpoint
        self._aside: Aside | None = None  # what comes in place of a stream
        self._no_answer = False  # nothing the parser could read
        self._parser = Parser()
        self._state = ""
        self._gnss = False  # the answer says in so many words that it is a stream
        # The body's first bytes, while they might still be a text in place of a stream; then None.
        self._start: bytes | None = b""

    def feed(self, data: bytes) -> list[Verdict | bytes]:
        if self.over:
            return []
        if plain := self.plain(data):
            return [plain]
        if self._no_answer and self._aside is not None:
            self._aside.feed(data)
            return self._concluded()
        return self._read(self._parser.feed(data))

    def plain(self, data: bytes) -> bytes | None:
        """The stream's bytes in `data`, where it is nothing else, as usual; else None, nothing is read."""
        if self._start is not None or self.over or self.reads_on:
            return None
        return self._parser.plain(data)

    def conclude(self) -> list[Verdict | bytes]:
        """No more of what tells more is waited for."""
        if self._aside is None or self.over:
            return []
        self.over, self.reads_on = True, False
        return [self._aside.verdict()]

    def _concluded(self) -> list[Verdict | bytes]:
        return self.conclude() if self._aside is not None and self._aside.over else []

    def close(self) -> list[Verdict | bytes]:
        return [] if self.over else self._read(self._parser.close()) + self.conclude()

    def _read(self, events: list[Event]) -> list[Verdict | bytes]:
        out: list[Verdict | bytes] = []
        for event in events:
            if self.over:
                break
            if self._aside is not None:
                out += self._more(event, self._aside)
                continue
            match event:
                case Head():
                    self._gnss = event.value("content-type").lower().startswith("gnss/data")
                    self._judge(verdict(event), out)
                case Body(data):
                    self._pass(data, out)
                case End(clean):
                    self._release(out)
                    why = "the caster ended the stream" if clean else "the caster closed the connection"
                    self._judge(Verdict("backoff", why), out)
                case Fault(why, not_ntrip, start):
                    self._release(out)
                    if not_ntrip:
                        self._no_answer = True
                        self._judge(Verdict("not_ntrip", NO_ANSWER), out, start)
                    else:
                        self._judge(Verdict("protocol_error", printable(why)), out)
        return out + self._concluded()

    def _more(self, event: Event, aside: Aside) -> list[Verdict | bytes]:
        """Something that comes after the verdict."""
        match event:
            case Body(data):
                aside.feed(data)
            case End() | Fault():
                return self.conclude()
            case Head():
                pass  # the same again, with its headers
        return []

    def _judge(self, found: Verdict, out: list[Verdict | bytes], start: bytes = b"") -> None:
        if told_by_more(found):
            self._aside, self.reads_on = Aside(found, self._mountpoint), True
            self._aside.feed(start)
            return
        if found.state != self._state:
            out.append(found)
        self._state = found.state
        self.over = found.state != "connected"

    def _release(self, out: list[Verdict | bytes]) -> None:
        if self._start:
            out.append(self._start)
        self._start = None

    def _pass(self, data: bytes, out: list[Verdict | bytes]) -> None:
        if self._start is not None:
            data = self._start + data
            state = "" if self._gnss else opening(data)
            if state is None:
                self._start = data
                return
            self._start = None
            if state:
                self._judge(Verdict(state, MEANINGS[state]), out, data)
                return
        out.append(data)
