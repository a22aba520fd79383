"""Requests against the field lists of RTCM 10410.1 (NTRIP 2.0) and RFC 9110/7617, written out by hand."""

import base64

import pytest

from hncors.ntrip import request


def lines(sent: bytes) -> list[str]:
    assert sent.endswith(b"\r\n\r\n")
    return sent[:-4].decode("ascii").split("\r\n")


def test_version_2():
    sent = lines(
        request("caster.example", 2101, "CSHA", agent="hncors/1.2", user="monitor", password="s3cret")
    )
    assert sent[0] == "GET /CSHA HTTP/1.1"
    assert set(sent[1:]) == {
        "Host: caster.example:2101",
        "Ntrip-Version: Ntrip/2.0",
        "User-Agent: NTRIP hncors/1.2",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
        "Authorization: Basic bW9uaXRvcjpzM2NyZXQ=",  # printf monitor:s3cret | base64
    }


def test_version_1_has_no_host_and_no_version():
    sent = lines(request("caster.example", 2101, "CSHA", agent="hncors/1.2", version=1))
    assert sent[0] == "GET /CSHA HTTP/1.0"
    names = {line.partition(":")[0] for line in sent[1:]}
    assert "User-Agent" in names
    assert not names & {"Host", "Ntrip-Version", "Authorization"}


def test_the_sourcetable_is_the_empty_mountpoint():
    assert lines(request("caster.example", 2101, "", agent="x"))[0] == "GET / HTTP/1.1"


def test_an_ipv6_address_goes_in_brackets():
    assert "Host: [::1]:2101" in lines(request("::1", 2101, "A", agent="x"))


def test_a_password_in_utf_8_with_colons():
    sent = lines(request("h", 1, "A", agent="x", user="长沙", password="a:b:密"))
    token = next(line for line in sent if line.startswith("Authorization")).split()[-1]
    assert base64.b64decode(token).decode("utf-8") == "长沙:a:b:密"


@pytest.mark.parametrize("mountpoint", ["A\r\nX: y", "A B", "长沙", 'A"', "A#b", "A?x"])
def test_n33_a_mountpoint_cannot_leave_its_place(mountpoint):
    first, *rest = lines(request("h", 1, mountpoint, agent="x"))
    assert first.count(" ") == 2 and first.startswith("GET /A" if mountpoint[0] == "A" else "GET /%E9%95%BF")
    assert not any(line.startswith("X:") for line in rest)


@pytest.mark.parametrize(
    "values",
    [
        {"host": "h\r\nX: y"},
        {"agent": "x\r\nX: y"},
        {"headers": {"X-A": "b\nc"}},
        {"user": "a:b", "password": "geheim"},
        {"version": 3},
    ],
)
def test_what_would_break_out_is_refused_without_showing_it(values):
    given = {"host": "h", "port": 1, "mountpoint": "A", "agent": "x", **values}
    with pytest.raises(ValueError, match=r"a |must") as refused:
        request(**given)
    assert "geheim" not in str(refused.value)
    assert "\n" not in str(refused.value)
