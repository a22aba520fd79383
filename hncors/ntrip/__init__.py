"""NTRIP 1.0 and 2.0 as a client speaks it: bytes in, bytes out.  No sockets, no clock.

`request` builds what is sent; `Dialogue` reads what is answered.  References: RTCM 10410.1 (NTRIP 2.0), the
older NTRIP 1.0 of 2004, RFC 9110 and RFC 9112 (HTTP), RFC 7617 (Basic).
"""

from hncors.ntrip.dialogue import Dialogue
from hncors.ntrip.request import request
from hncors.ntrip.verdict import Verdict

__all__ = ["Dialogue", "Verdict", "request"]
