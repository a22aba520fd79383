"""Rules and routes of the product made fast, so that what takes hours is seen in seconds.

Every duration that Prometheus or Alertmanager waits or looks back for is divided by one factor: `for:` and
`interval:` of rules, ranges and offsets in expressions, and the waits of routes. Limits of values, and times
that expressions compare with (`time() - x > 10`), stay as they are: the daemon runs in real time.
"""

import re

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = r"\d+(?:ms|[smhdw])"
_KEYS = "for|interval|group_wait|group_interval|repeat_interval|scrape_interval|evaluation_interval"
_PLACES = (
    re.compile(rf"(^[ -]*(?:{_KEYS}): ){_DURATION}", re.M),
    re.compile(rf"(\[){_DURATION}(?=\])"),
    re.compile(rf"(\boffset ){_DURATION}"),
)


def seconds(duration: str) -> float:
    """Of one number with a unit, as the product's files write them."""
    number, unit = re.fullmatch(r"(\d+)([a-z]+)", duration).groups()
    return int(number) * _UNITS_S[unit]


def scaled(text: str, factor: float, *, shortest_s: float = 0.5) -> str:
    """`text` of a rule file or a configuration with its durations divided; none shorter than `shortest_s`."""

    def less(found: re.Match[str]) -> str:
        whole, head = found[0], found[1]
        short_s = max(seconds(whole.removeprefix(head)) / factor, shortest_s)
        return f"{head}{round(short_s * 1000)}ms"

    for place in _PLACES:
        text = place.sub(less, text)
    return text
