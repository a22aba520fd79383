"""One conversation with a caster, read to its end: bytes in, verdicts and stream bytes out."""

from hncors.ntrip.response import Body, End, Event, Fault, Head, Parser
from hncors.ntrip.verdict import MEANINGS, Verdict, opening, verdict
from hncors.text import printable


class Dialogue:
    """`feed` what the caster sent, in any pieces, and `close` when the connection ended.

    Both give, in order, `Verdict`s and pieces of the stream as bytes.  The first verdict is "connected" or
    says why there is no stream; a later one ends it.  After a verdict other than "connected" nothing more
    comes: `over` is true and the connection should be closed.
    """

    def __init__(self) -> None:
        self.over = False
        self._parser = Parser()
        self._state = ""
        self._gnss = False  # the answer says in so many words that it is a stream
        # The body's first bytes, while they might still be a text in place of a stream; then None.
        self._start: bytes | None = b""

    def feed(self, data: bytes) -> list[Verdict | bytes]:
        if self.over:
            return []
        if self._start is None and (plain := self._parser.plain(data)):  # as nearly everything is
            return [plain]
        return self._read(self._parser.feed(data))

    def close(self) -> list[Verdict | bytes]:
        return [] if self.over else self._read(self._parser.close())

    def _read(self, events: list[Event]) -> list[Verdict | bytes]:
        out: list[Verdict | bytes] = []
        for event in events:
            if self.over:
                break
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
                case Fault(why, not_ntrip):
                    self._release(out)
                    self._judge(Verdict("not_ntrip" if not_ntrip else "protocol_error", printable(why)), out)
        return out

    def _judge(self, found: Verdict, out: list[Verdict | bytes]) -> None:
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
                self._judge(Verdict(state, MEANINGS[state]), out)
                return
        out.append(data)
