"""What a caster sends in place of a stream, read on for what it tells of the reason.

A sourcetable says whether the mountpoint is in it after all, or which names are like it; of a web page, or
whatever else is no answer, the beginning is kept, for a person knows a portal or a proxy when he sees it.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

from hncors.ntrip.sourcetable import Reading, Sourcetable
from hncors.ntrip.verdict import MEANINGS, Verdict
from hncors.text import printable

KEPT = 256  # bytes of what is no answer
NEAR, COMPARED = 3, 2000  # names that are told, at most, and compared
ALIKE = 0.6  # of 1: difflib's own limit
UNLIKE = 2  # characters more or less


class Aside:
    """Takes what follows a verdict that means no stream, until `over`; gives the verdict with more in it."""

    def __init__(self, found: Verdict, mountpoint: str) -> None:
        self.over = False
        self._found = found
        self._mountpoint = mountpoint
        self._table = Reading() if found.state == "mountpoint_missing" else None
        self._kept = b""

    def feed(self, data: bytes) -> None:
        if self._table is not None:
            self._table.feed(data)
            self.over = self._table.over
        else:
            self._kept = (self._kept + data[: KEPT - len(self._kept)])[:KEPT]
            self.over = len(self._kept) == KEPT

    def verdict(self) -> Verdict:
        """The verdict, by what came until now."""
        if self._table is not None:
            return self._found._replace(why=_of_table(self._table.close(), self._mountpoint))
        return self._found._replace(why=self._found.why + (_begins(self._kept) if self._kept else ""))


def _begins(data: bytes) -> str:
    """The beginning of something, on one line. It comes last, so that a password cut off there is hidden."""
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")  # keeps half a character back
    return "; it begins: " + printable(decoder.decode(data), KEPT)


def _of_table(table: Sourcetable, mountpoint: str) -> str:
    rows = sum(stream.mountpoint == mountpoint for stream in table.streams)
    if rows:
        times = "" if rows == 1 else f" {rows} times"
        return f"the caster sent its sourcetable, which has the mountpoint{times}: it may have no source now"
    names = {stream.mountpoint: stream.shown for stream in table.streams}
    if not names:
        return MEANINGS["mountpoint_missing"]
    if same := [shown for name, shown in names.items() if name.casefold() == mountpoint.casefold()]:
        return f"{MEANINGS['mountpoint_missing']}, but {same[0]}: capitals and small letters differ"
    like = near(names, mountpoint)
    told = f"did you mean {' or '.join(names[name] for name in like)}?" if like else "nor one like it"
    return f"{MEANINGS['mountpoint_missing']} among {len(names)}, {told}"


def near(names: Iterable[str], wanted: str) -> list[str]:
    """Names like another, the most similar first."""
    by_fold = {name.casefold(): name for name in names if name and abs(len(name) - len(wanted)) <= UNLIKE}
    few = list(islice(by_fold, COMPARED))
    return [by_fold[name] for name in get_close_matches(wanted.casefold(), few, NEAR, ALIKE)]
