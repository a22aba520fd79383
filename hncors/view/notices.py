"""What a chat is told of a notification of Alertmanager: its JSON in, a title, Markdown and a body out.

A body is JSON with places for `$title`, `$markdown` and `$status`: string.Template, each value put in as JSON
writes text, without the quotes around it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from string import Template
from typing import Any, NamedTuple

MOST_BYTES = 4000  # WeCom takes 4096 bytes of Markdown (document 91770 of its developer centre)
MOST_ALERTS = 20
BODIES = {
    "wecom": '{"msgtype": "markdown", "markdown": {"content": "$markdown"}}',
    "dingtalk": '{"msgtype": "markdown", "markdown": {"title": "$title", "text": "$markdown"}}',
}
"""As the group robots of WeCom (91770) and DingTalk (custom robots, Markdown) want it."""


class Notice(NamedTuple):
    title: str
    markdown: str
    status: str  # "firing" or "resolved"


def notice(payload: Mapping[str, Any]) -> Notice:
    """Of a webhook of Alertmanager (version 4). Raises ValueError where it is none."""
    alerts = payload.get("alerts")
    status = payload.get("status")
    if status not in ("firing", "resolved") or not isinstance(alerts, Sequence) or not alerts:
        raise ValueError("no notification of Alertmanager")
    labels = payload.get("groupLabels")
    group = labels if isinstance(labels, Mapping) else {}
    where = " ".join(str(group[name]) for name in ("cause", "county") if group.get(name)) or "hncors"
    firing = sum(isinstance(one, Mapping) and one.get("status") == "firing" for one in alerts)
    head = f"告警 {firing}" if status == "firing" else f"恢复 {len(alerts)}"
    title = _plain(f"[{head}] {where}", 80)
    lines = [f"### {title}"]
    lines += [_line(one) for one in alerts[:MOST_ALERTS] if isinstance(one, Mapping)]
    left = len(alerts) - MOST_ALERTS + int(payload.get("truncatedAlerts") or 0)
    if left > 0:
        lines.append(f"> 另有 {left} 条 · {left} more")
    return Notice(title, _cut("\n\n".join(lines)), status)


def _line(alert: Mapping[str, Any]) -> str:
    labels, notes = alert.get("labels") or {}, alert.get("annotations") or {}
    over = alert.get("status") == "resolved"
    severity = "恢复 resolved" if over else str(labels.get("severity", ""))
    begun = str(alert.get("startsAt", ""))[:19].replace("T", " ")
    return (
        f"**{_plain(severity, 20)}** {_plain(str(labels.get('alertname', '')), 60)}\n"
        f"{_plain(str(notes.get('summary', '')), 200)}\n{_plain(str(notes.get('summary_en', '')), 200)}\n"
        f"> {begun} UTC · {_plain(str(notes.get('runbook_url', '')), 200)}"
    )


def body(template: str, told: Notice) -> bytes:
    """What is posted to a robot. Raises ValueError where a template does not make JSON."""
    values = {name: json.dumps(value, ensure_ascii=False)[1:-1] for name, value in told._asdict().items()}
    text = Template(template).substitute(values)
    json.loads(text)
    return text.encode()


def _plain(text: str, most: int) -> str:
    """Text of others as one line that Markdown takes for text."""
    kept = "".join(letter for letter in text if letter.isprintable())[:most]
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>#|~" else letter for letter in kept)


def _cut(text: str) -> str:
    whole = text.encode()
    return text if len(whole) <= MOST_BYTES else whole[: MOST_BYTES - 6].decode(errors="ignore") + " ..."
