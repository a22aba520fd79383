"""The rules for Prometheus and what goes with them: each alert fires for its fault and for nothing else.

promtool and amtool, Debian's, are what says so; the series they are given are in alert_faults.py.
"""

import json
import operator
import re
import subprocess
from pathlib import Path

import alert_faults
import pytest
import yaml
from alert_faults import MINUTES, SELF, STEP_S, Fault, expected, healthy

from hncors.settings_relay import Relay, Robot
from hncors.view.notices import BODIES

ROOT = Path(__file__).parents[1]
PROMETHEUS, ALERTMANAGER = ROOT / "configs/prometheus", ROOT / "configs/alertmanager"
RUNBOOKS = ROOT / "docs/runbooks"
FILES = ("hncors.recording.yml", "hncors.alerts.yml")
METRIC = re.compile(r"\bhncors_[a-z0-9_]+")
SEVERITIES = {"critical", "warning", "info"}
SCOPES = {"monitor", "network", "county", "station", "supervision"}


def rules(name: str) -> list[dict]:
    found = yaml.safe_load((PROMETHEUS / name).read_text(encoding="utf-8"))
    return [rule for group in found["groups"] for rule in group["rules"]]


NAME = operator.attrgetter("__name__")
OF_ROWS = {alert_faults.uplink, alert_faults.flapping}  # have tests of their own
ALERTS = rules("hncors.alerts.yml")
NAMES = {rule["alert"] for rule in ALERTS}


def told(program: str, *arguments: object) -> str:
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def firing(faults: list[Fault]) -> list[dict[str, object]]:
    """What promtool is to find of the ALERTS series at the end."""
    own = {(rule["alert"], rule["labels"]["severity"]): rule["labels"] for rule in ALERTS}
    samples = []
    for alert, severity, more in expected(faults):
        scope = own[alert, severity]
        where = {} if scope["scope"] == "station" and not more else dict(more)
        labels = {"alertname": alert, "alertstate": "firing", **SELF, **where, **scope}
        inside = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
        samples.append({"labels": f"ALERTS{{{inside}}}", "value": 1})
    return samples


@pytest.mark.peer("promtool")
@pytest.mark.parametrize("test", [one for one in alert_faults.TESTS if one not in OF_ROWS], ids=NAME)
def test_exactly_the_alerts_of_these_faults_fire(test, tmp_path) -> None:
    exactly(test, tmp_path)


@pytest.mark.peer("promtool")
def test_p13_all_streams_lost_with_the_uplink(tmp_path) -> None:
    """Everybody's alert fires, and that of the network holds all the others back in Alertmanager's rules."""
    exactly(alert_faults.uplink, tmp_path)
    found = yaml.safe_load((ALERTMANAGER / "alertmanager.yml").read_text(encoding="utf-8"))
    source = ["alertname = HncorsNetworkDown"]
    (rule,) = [rule for rule in found["inhibit_rules"] if rule["source_matchers"] == source]
    assert rule["equal"] == ["job", "instance"]
    (held,) = [re.fullmatch(r'alertname =~ "(.*)"', one)[1] for one in rule["target_matchers"]]
    fired = {alert for alert, _, _ in expected(alert_faults.uplink())}
    assert {alert for alert in fired if not re.fullmatch(held, alert)} == {"HncorsNetworkDown"}


@pytest.mark.peer("promtool")
def test_p14_a_stream_that_comes_and_goes(tmp_path) -> None:
    """It counts as one that comes and goes: no alert that a station is down, again and again."""
    exactly(alert_faults.flapping, tmp_path)


def exactly(test, tmp_path) -> None:
    """promtool finds the alerts of the rows, and no other."""
    faults = test()
    series = healthy(alert_faults.TESTS[test])
    for fault in faults:
        series |= fault.series
    for name in FILES:  # looked at once a minute, which is a quarter of the work
        text = re.sub(
            r"^( +interval:) \w+", r"\1 1m", (PROMETHEUS / name).read_text(encoding="utf-8"), flags=re.M
        )
        (tmp_path / name).write_text(text, encoding="utf-8")
    asked = {
        "rule_files": [*FILES],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": f"{STEP_S}s",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": 'ALERTS{alertstate="firing"}',
                        "eval_time": f"{MINUTES}m",
                        "exp_samples": firing(faults),
                    }
                ],
            }
        ],
    }
    file = tmp_path / "test.yml"
    file.write_text(json.dumps(asked), encoding="utf-8")  # JSON is YAML
    told("promtool", "test", "rules", file)


def test_every_alert_has_a_fault_that_raises_it() -> None:
    raised = {alert for test in alert_faults.TESTS for alert, _, _ in expected(test())}
    assert raised == NAMES


@pytest.mark.peer("promtool", "amtool")
def test_prometheus_and_alertmanager_take_their_files() -> None:
    told("promtool", "check", "config", PROMETHEUS / "prometheus.yml")
    told("amtool", "check-config", ALERTMANAGER / "alertmanager.yml")


@pytest.mark.peer("amtool")
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("severity=critical scope=network cause=network", "duty"),
        ("severity=warning scope=station cause=link", "day"),
        ("severity=info scope=supervision cause=supervision", "supervision"),
        ("severity=info scope=station cause=equipment", "seen"),
    ],
)
def test_who_is_told(labels, receiver) -> None:
    said = told(
        "amtool",
        "config",
        "routes",
        "test",
        f"--config.file={ALERTMANAGER / 'alertmanager.yml'}",
        *labels.split(),
    )
    assert said.split()[0] == receiver


def test_the_page_has_the_bodies_and_the_keys_of_the_relay() -> None:
    page = (ROOT / "docs/alerts.md").read_text(encoding="utf-8")
    assert all(body in page.splitlines() for body in BODIES.values())
    keys = set(re.findall(r"^\| `((?:robots\.)?\w+)` \| [^|]+ \| [^|]* ?\|$", page, flags=re.M))
    own = {name for name in Relay.model_fields if name != "robots"}
    assert own | {f"robots.{name}" for name in Robot.model_fields} <= keys


def test_labels_and_words_are_of_the_known_ones() -> None:
    for rule in ALERTS:
        assert set(rule["labels"]) == {"severity", "cause", "scope"}, rule["alert"]
        assert rule["labels"]["severity"] in SEVERITIES
        assert rule["labels"]["scope"] in SCOPES
        assert set(rule["annotations"]) == {"summary", "summary_en", "runbook_url"}
        assert re.search("[\u4e00-\u9fff]", rule["annotations"]["summary"])
        assert rule["annotations"]["summary_en"].isascii()
    words = (PROMETHEUS / "hncors.alerts.yml").read_text(encoding="utf-8").lower()
    assert not re.search("违法|非法|illegal|unauthori", words)


def test_the_page_lists_the_alerts_as_they_are() -> None:
    page = (ROOT / "docs/alerts.md").read_text(encoding="utf-8")
    listed = re.findall(
        r"^\| \[(\w+)\]\(runbooks/\w+\.md\) \|[^|]*\| (\w+) \| (\w+) \| (\w+) \| (\w+) \|$", page, flags=re.M
    )
    own = [
        (rule["alert"], *(rule["labels"][n] for n in ("severity", "cause", "scope")), rule.get("for", "0s"))
        for rule in ALERTS
    ]
    assert listed == own


def test_each_alert_has_a_runbook_and_no_runbook_is_without_its_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == NAMES
    for rule in ALERTS:
        assert rule["annotations"]["runbook_url"].endswith(f"/doc/runbooks/{rule['alert']}.md")


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_runbook_says_what_to_do_in_both_languages(name) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {name} · ")
    assert re.findall(r"^## (.*)$", text, flags=re.M) == ["怎么办", "What to do"]
    chinese, english = re.split("^## What to do$", text, flags=re.M)
    assert len(re.findall("[\u4e00-\u9fff]", chinese)) > 60
    assert len(english.split()) > 25


def test_rules_use_documented_metrics_only() -> None:
    document = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    kinds = dict(re.findall(r"^\| `(hncors_\w+)` \| (\w+) \|", document, flags=re.M))
    known = set(kinds) | {
        name + end
        for name, kind in kinds.items()
        if kind == "histogram"
        for end in ("_bucket", "_sum", "_count")
    }
    used = set()
    for rule in (*rules("hncors.recording.yml"), *ALERTS):
        expression = re.sub(r"\b[a-z0-9]+:hncors_\w+:\w+", "", rule["expr"])
        used |= set(METRIC.findall(expression))
    assert used - known == set()


def test_runbooks_name_documented_metrics_and_commands_that_exist() -> None:
    metrics = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    commands = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    for path in RUNBOOKS.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"(?<![:\w])hncors_[a-z0-9_]+", text):
            assert f"`{name}`" in metrics or f"`{name.removesuffix('_bucket')}`" in metrics, (path.name, name)
        for command in re.findall(r"`hncors ((?:cases |registry |report )?[a-z]+)", text):
            assert f"hncors {command}" in commands, (path.name, command)


def test_recorded_series_that_rules_name_are_recorded() -> None:
    recorded = {rule["record"] for rule in rules("hncors.recording.yml")}
    used = set()
    for rule in (*rules("hncors.recording.yml"), *ALERTS):
        used |= set(re.findall(r"\b[a-z0-9]+:hncors_\w+:\w+", rule["expr"]))
    assert used - recorded == set()


def test_inhibition_names_alerts_that_there_are() -> None:
    """Patterns are taken apart as Alertmanager anchors them: each alternative has to be somebody's name."""
    file = yaml.safe_load((ALERTMANAGER / "alertmanager.yml").read_text(encoding="utf-8"))
    for rule in file["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            found = re.fullmatch(r'alertname =~? "?(.*?)"?', matcher)
            if found is None:
                continue
            for part in re.split(r"\|(?![^(]*\))", found[1]):
                split = re.fullmatch(r"(\w+)\(([\w|]+)\)(\w*)", part)
                names = {split[1] + one + split[3] for one in split[2].split("|")} if split else {part}
                assert names <= NAMES
                assert any(re.fullmatch(found[1], name) for name in names)
