"""Who looks at a page, and what he may see there."""

from __future__ import annotations

from typing import NamedTuple

from hncors.registry import Station
from hncors.supervise.cases import OPERATOR, SUPERVISOR

NOTHING, PUBLIC, ADMINISTRATOR = "nothing", "public", "administrator"
USERS = (OPERATOR, SUPERVISOR, ADMINISTRATOR)
_RANK = {NOTHING: 0, PUBLIC: 1, OPERATOR: 2, SUPERVISOR: 3, ADMINISTRATOR: 4}


class Who(NamedTuple):
    """Somebody who asks; without a name, nobody has signed in."""

    name: str
    role: str
    csrf: str = ""  # the token his forms carry; "" where he may change nothing

    def may(self, role: str) -> bool:
        """Whether he may do what is for `role`."""
        return _RANK[self.role] >= _RANK[role]

    def sees(self, station: Station) -> bool:
        """Whether he may know of a station: of one that nobody filed the public is told nothing."""
        return self.may(OPERATOR) or (self.role != NOTHING and station.filed)

    @property
    def case_role(self) -> str:
        """His role on the trail of a case; "" for none."""
        if not self.name:
            return ""
        return SUPERVISOR if self.may(SUPERVISOR) else OPERATOR
