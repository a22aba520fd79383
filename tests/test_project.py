"""What the files around the code promise: no foreign hosts or paths, commands that exist, one version."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
READMES = ("README.md", "README.zh-CN.md")
PAGES = (*READMES, "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")

# Put together here, so that this file does not name what it looks for.
HOSTS = tuple(
    name + "." + domain
    for name, domain in (
        ("pypi", "org"), ("python" + "hosted", "org"), ("tuna.tsinghua", "edu.cn"), ("mirrors.aliyun", "com"),
        ("mirrors.cloud.tencent", "com"), ("repo.huaweicloud", "com"), ("registry.npmjs", "org"),
    )
)  # fmt: skip
OPTIONS = tuple("--" + option for option in ("index-url", "extra-index-url", "trusted-host", "find-links"))
MACHINE = re.compile(r"(?<![\w.~/-])/(?:{})/".format("|".join(("wo" + "rk", "ro" + "ot", "opt/py" + "pi"))))


def tracked() -> list[Path]:
    """The files of the project that git keeps and that are still there."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file()]


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def pins(lock: str) -> dict[str, str]:
    """Name -> version of what a lock pins."""
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text_of(lock), flags=re.M))


def blocks(page: str) -> list[str]:
    """The fenced blocks of a page without their comments."""
    fenced = re.findall(r"^```\w*\n(.*?)^```$", text_of(page), flags=re.M | re.S)
    return [re.sub(r" *#.*", "", block) for block in fenced]


def test_no_file_names_an_index_or_this_machine() -> None:
    found = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{path.name}: {host}" for host in HOSTS if host in text]
        found += [f"{path.name}: {match[0]}" for match in MACHINE.finditer(text)]
    assert found == []


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_locks_pin_with_hashes_and_name_no_index(lock: str) -> None:
    text = text_of(lock)
    assert [option for option in OPTIONS if option in text] == []
    entries = re.split(r"\n(?=[a-z0-9])", re.sub(r"^ *#.*\n", "", text, flags=re.M).strip())
    assert len(entries) > 20
    assert [entry for entry in entries if not re.match(r"\S+==\S+ \\\n +--hash=sha256:", entry)] == []


def test_the_lock_holds_every_dependency() -> None:
    named = {re.split(r"[<>=]", requirement)[0] for requirement in PROJECT["dependencies"]}
    assert named <= set(pins("requirements.txt"))


def test_both_locks_agree() -> None:
    run, dev = pins("requirements.txt"), pins("requirements-dev.txt")
    assert {name: dev.get(name) for name in run} == run


@pytest.mark.parametrize("page", PAGES)
def test_named_make_targets_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), flags=re.M))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text_of(page), flags=re.M))
    assert named <= targets
    if page in READMES:
        assert {"demo", "test"} <= named


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", text_of(page))
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_the_two_readmes_show_the_same() -> None:
    english, chinese = map(blocks, READMES)
    assert english == chinese
    assert len(english) >= 5


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## \[(\d[^\]]*)\]", text_of("CHANGELOG.md"), flags=re.M)
    assert versions[0] == PROJECT["version"]


def test_no_module_states_another_version() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in tracked() if path.suffix == ".py")
    assert set(re.findall(r'^(?:__version__|VERSION) = "(.*)"', code, flags=re.M)) == {PROJECT["version"]}
