"""The collector of reference cycles, told what the memory of a daemon is like: much that stays, few cycles.

CPython looks through all young objects whenever 700 more were made than freed. A tick holds the messages of
thousands of stations for a moment, so it would look again and again at what is about to go anyway: a tenth of
the daemon's time. What the stations send makes no cycles (a test holds it to that); a connection that ends
leaves some, of asyncio's making, and those can wait for the next look.
"""

import gc

YOUNG = 50_000  # objects made and not freed before the collector looks
OLDER = (20, 20)  # looks before older objects are looked at as well, and all


def settle() -> None:
    """Collect once, and look no more at what is there by now: modules, settings, stations."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *OLDER)
