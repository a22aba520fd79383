"""What the relay's configuration may say: where Alertmanager posts, which robot of a chat hears of what."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from hncors.settings import Expected, Table, is_loopback, parse_listen

_KINDS = "wecom, dingtalk or template"
_FILE = "a file, relative to this one"


def _loopback(text: str) -> str:
    if not is_loopback(parse_listen(text).host):
        raise ValueError('an address of loopback and a port, such as "127.0.0.1:9095": it asks for no login')
    return text


class Robot(Table):
    """One robot of a chat."""

    receiver: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$"), Expected("1 to 32 letters, digits, - and _")
    ]
    kind: Annotated[Literal["wecom", "dingtalk", "template"], Expected(_KINDS)]
    url_file: Annotated[str, Field(min_length=1), Expected(_FILE)]  # an address is as good as a password
    secret_file: Annotated[str | None, Field(min_length=1), Expected(_FILE)] = None  # of DingTalk's signature
    template_file: Annotated[str | None, Field(min_length=1), Expected(_FILE)] = None


class Relay(Table):
    """The whole file."""

    listen: Annotated[str, AfterValidator(_loopback), Expected('text such as "127.0.0.1:9095"')] = (
        "127.0.0.1:9095"
    )
    robots: Annotated[list[Robot], Field(min_length=1), Expected("an array of tables [[robots]]")]
