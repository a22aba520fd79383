"""From Alertmanager to a robot of a chat: what is posted, signed, refused, and not told."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import signal
import sys
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web

from hncors.daemon.alert_relay import Relaying, load, signed
from hncors.daemon.configuration import ConfigurationError
from hncors.view.notices import BODIES, MOST_BYTES, body, notice

KEY = "693a91f6-canary-key"
ALERT = {
    "status": "firing",
    "labels": {"alertname": "HncorsStationDown", "severity": "warning", "station": "CSHA"},
    "annotations": {
        "summary": "CSHA 无数据",
        "summary_en": "CSHA sends nothing",
        "runbook_url": "file:///opt/hncors/share/doc/runbooks/HncorsStationDown.md",
    },
    "startsAt": "2026-11-26T10:00:00.123Z",
}
PAYLOAD = {
    "version": "4",
    "status": "firing",
    "groupLabels": {"cause": "link", "county": "岳麓区"},
    "alerts": [ALERT, {**ALERT, "labels": {**ALERT["labels"], "station": "ZHZH"}}],
}


def test_what_a_chat_reads():
    told = notice(PAYLOAD)
    assert told.title == "\\[告警 2\\] link 岳麓区"
    for text in ("CSHA 无数据", "CSHA sends nothing", "HncorsStationDown", "2026-11-26 10:00:00 UTC"):
        assert text in told.markdown
    over = notice({**PAYLOAD, "status": "resolved", "alerts": [{**ALERT, "status": "resolved"}]})
    assert over.title.startswith("\\[恢复 1\\]")


@pytest.mark.parametrize("kind", sorted(BODIES))
def test_bodies_are_as_the_robots_take_them(kind):
    """WeCom's developer centre, document 91770; DingTalk's custom robots: msgtype markdown."""
    made = json.loads(body(BODIES[kind], notice(PAYLOAD)))
    assert made["msgtype"] == "markdown"
    assert "CSHA 无数据" in made["markdown"]["content" if kind == "wecom" else "text"]


def test_hostile_words_stay_words_and_long_ones_are_cut():
    bad = {"summary": '"}], "x": [<script>](javascript:1)\n# **bold**\x00', "summary_en": "$title ${x}"}
    many = {**PAYLOAD, "alerts": [{**ALERT, "annotations": bad}] * 100, "truncatedAlerts": 7}
    made = json.loads(body(BODIES["wecom"], notice(many)))
    assert set(made) == {"msgtype", "markdown"}
    text = made["markdown"]["content"]
    assert len(text.encode()) <= MOST_BYTES
    assert "\n#" not in text.removeprefix("###")
    assert "<script>" not in text
    assert "\x00" not in text
    few = notice({**PAYLOAD, "alerts": [ALERT] * 23, "truncatedAlerts": 7}).markdown
    assert "10 more" in few or len(few.encode()) > MOST_BYTES - 10


def test_a_signature_is_dingtalk_s():
    """Custom robots, security settings: base64 of HMAC-SHA256 by the secret, of time, newline, secret."""
    asked = parse_qs(
        urlsplit(signed("https://oapi/robot/send?access_token=x", "SECabc", 1_700_000_000_000)).query
    )
    by_hand = hmac.new(b"SECabc", b"1700000000000\nSECabc", hashlib.sha256).digest()
    assert base64.b64decode(asked["sign"][0]) == by_hand
    assert asked["timestamp"] == ["1700000000000"]
    assert asked["access_token"] == ["x"]


class Chat:
    """A robot's end: what it was sent, and what it answers."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict]] = []
        self.answer: tuple[int, dict] = (200, {"errcode": 0})

    async def take(self, request: web.Request) -> web.Response:
        self.heard.append((str(request.rel_url), await request.json()))
        status, told = self.answer
        return web.json_response(told, status=status)


@contextlib.asynccontextmanager
async def serving(app: web.Application):
    runner = web.AppRunner(app, access_log=None)  # whose line would hold the key
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


CONFIG = """
listen = "127.0.0.1:0"
[[robots]]
receiver = "duty"
kind = "wecom"
url_file = "wecom.url"
[[robots]]
receiver = "day"
kind = "dingtalk"
url_file = "ding.url"
secret_file = "ding.secret"
[[robots]]
receiver = "own"
kind = "template"
url_file = "wecom.url"
template_file = "own.json"
"""


def written(folder, address: str):
    (folder / "wecom.url").write_text(f"{address}/send?key={KEY}\n", encoding="utf-8")
    (folder / "ding.url").write_text(f"{address}/robot?access_token={KEY}\n", encoding="utf-8")
    (folder / "ding.secret").write_text("SECabc\n", encoding="utf-8")
    (folder / "own.json").write_text('{"state": "$status", "text": "$title"}', encoding="utf-8")
    config = folder / "relay.toml"
    config.write_text(CONFIG, encoding="utf-8")
    return config


async def test_p12_each_receiver_s_robot_hears_of_it_and_failures_are_tried_again(tmp_path, caplog):
    chat, app = Chat(), web.Application()
    app.router.add_post("/{any}", chat.take)
    async with serving(app) as address:
        _, robots = load(written(tmp_path, address))
        async with (
            serving(Relaying(tmp_path, robots).app()) as relay,
            aiohttp.ClientSession(relay) as session,
        ):

            async def posted(receiver: str, **more: object) -> int:
                async with session.post(f"/{receiver}", **({"json": PAYLOAD} | more)) as response:
                    return response.status

            assert [await posted(one) for one in ("duty", "day", "own")] == [200, 200, 200]
            (wecom, first), (ding, second), (_, third) = chat.heard
            assert wecom == f"/send?key={KEY}"
            assert first["markdown"]["content"].startswith("### ")
            assert {"timestamp", "sign", "access_token"} <= set(parse_qs(urlsplit(ding).query))
            assert second["markdown"]["title"] == "\\[告警 2\\] link 岳麓区"
            assert third == {"state": "firing", "text": "\\[告警 2\\] link 岳麓区"}
            assert await posted("nobody") == 404
            for wrong in ({"json": []}, {"json": {"status": "firing"}}, {"json": None, "data": b"{"}):
                assert await posted("duty", **wrong) == 400
            for answer in ((200, {"errcode": 45009}), (500, {}), (302, {})):  # 45009: too often
                chat.answer = answer
                assert await posted("duty") == 502
            (tmp_path / "wecom.url").unlink()
            assert await posted("duty") == 502
            (tmp_path / "wecom.url").write_text("not an address", encoding="utf-8")
            assert await posted("duty") == 502
    assert "errcode 45009" in caplog.text
    assert KEY not in caplog.text
    assert "SECabc" not in caplog.text


async def test_p12_a_robot_that_hangs(tmp_path, monkeypatch):
    """Alertmanager has its answer in time and tries again; other robots hear of it meanwhile."""
    monkeypatch.setattr("hncors.daemon.alert_relay.WITHIN_S", 0.5)
    chat, app, held = Chat(), web.Application(), asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        await held.wait()
        return web.json_response({})

    app.router.add_post("/send", hang)
    app.router.add_post("/{any}", chat.take)
    async with serving(app) as address:
        _, robots = load(written(tmp_path, address))
        async with (
            serving(Relaying(tmp_path, robots).app()) as relay,
            aiohttp.ClientSession(relay) as session,
            asyncio.timeout(5),
        ):

            async def posted(receiver: str) -> int:
                async with session.post(f"/{receiver}", json=PAYLOAD) as response:
                    return response.status

            hanging = [asyncio.create_task(posted("duty")) for _ in range(20)]
            assert await posted("day") == 200
            assert not any(task.done() for task in hanging)
            assert await asyncio.gather(*hanging) == [502] * 20
        held.set()
    assert len(chat.heard) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('listen = "127.0.0.1:0"', 'listen = "0.0.0.0:9095"'), "listen"),
        (('receiver = "day"', 'receiver = "duty"'), "each receiver once"),
        (('kind = "wecom"', 'kind = "slack"'), "wecom, dingtalk or template"),
        (('template_file = "own.json"', ""), "robots.2.template_file: missing"),
        (('template_file = "own.json"', 'template_file = "bad.json"'), "$markdown and $status"),
        (('url_file = "wecom.url"', f'url = "https://x/?key={KEY}"'), "robots.0.url: unknown key"),
    ],
)
def test_mistakes_are_told_with_file_and_key_and_without_secrets(tmp_path, change, told):
    config = written(tmp_path, "http://127.0.0.1:1")
    (tmp_path / "bad.json").write_text('{"a": $nothing}', encoding="utf-8")
    config.write_text(CONFIG.replace(*change, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        load(config)
    assert any(told in line and str(config) in line for line in refused.value.problems)
    assert KEY not in str(refused.value.problems)


async def test_the_command_runs_until_told_to_end(tmp_path):
    chat, app = Chat(), web.Application()
    app.router.add_post("/{any}", chat.take)
    async with serving(app) as address:
        command = (sys.executable, "-m", "hncors", "relay", "-c", str(written(tmp_path, address)), "--json")
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        where = json.loads(await asyncio.wait_for(process.stdout.readuntil(b"}"), 20))["address"]
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{where}/duty", json=PAYLOAD) as response,
        ):
            assert response.status == 200
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 5) == 0
    assert len(chat.heard) == 1
