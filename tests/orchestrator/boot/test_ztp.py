"""First boots of switches: over HTTP as their agents ask, and the script as a real shell runs it."""

import os
import shutil
import subprocess

import httpx
import pytest

from inventory.model import Site

UNSHARE = shutil.which("unshare", path="/usr/bin:/bin")
SERIAL = "TW68HF500N"
ONIE = {"ONIE-SERIAL-NUMBER": SERIAL, "ONIE-MACHINE": "accton_as4610_54", "ONIE-OPERATION": "os-install"}


@pytest.fixture
def site(site):
    """A Linux NOS and a SONiC, both new, and one that boots as it always did."""
    told = site.model_dump(mode="json")
    told["images"]["nos"] = {"name": "nos", "kind": "nos", "artefact": "nos-5.9"}
    sections = [{"name": "keys", "script": "keys.sh"}, {"name": "ports", "config": "interfaces"}]
    told["switches"] = {
        "r1-sw1": switch("r1-sw1", 1, "linux", {"sections": sections, "installer": "nos"}, serial=SERIAL),
        "r1-sw2": switch("r1-sw2", 2, "sonic", {"sections": sections}),
        "r1-sw3": {key: value for key, value in switch("r1-sw3", 3, "linux", {}).items() if key != "first_boot"},
    }
    return Site.model_validate(told)


def switch(name, number, family, first_boot, **more):
    return {
        "name": name,
        "rack": "r1",
        "unit": 30 + number,
        "ports": ["swp1"],
        "management": {"family": family, "address": f"127.77.0.5{number}", "user": "cumulus", "key": "env:KEY"},
        "first_boot": {"mac": f"52:54:00:aa:00:0{number}", "address": f"127.77.0.5{number}", **first_boot},
        **more,
    }


@pytest.fixture
def images(images):
    with images.workshop("nos-5.9") as bench:
        (bench / "installer.bin").write_bytes(b"#!/bin/sh\nexit 0\n")
        images.add("nos-5.9", "nos", "c" * 64, {"installer": bench / "installer.bin"})
    return images


@pytest.fixture
def files(tmp_path):
    """The site's directory."""
    directory = tmp_path / "site"
    directory.mkdir()
    (directory / "keys.sh").write_text("echo keys >>/var/lib/anneal/keys\n")
    (directory / "interfaces").write_text("auto swp1\niface swp1\n")
    return directory


@pytest.fixture
def http(site, services, files):
    root = f"http://{site.provisioning.address}:{site.provisioning.http_port}/ztp"
    with httpx.Client(base_url=root) as client:
        yield client


@pytest.fixture
def events(store):
    return lambda *kinds: [one.event for one in store.events() if one.event.kind in kinds]


def test_onie_is_sent_to_its_installer_and_the_fetch_is_an_event_with_its_serial(http, events):
    asked = http.get("/r1-sw1/installer", headers=ONIE)
    assert (asked.status_code, httpx.get(asked.headers["Location"]).text) == (302, "#!/bin/sh\nexit 0\n")
    (fetch,) = events("ztp.fetch")
    assert (fetch.node, fetch.data["serial"], fetch.data["what"]) == ("r1-sw1", SERIAL, "installer")
    assert fetch.data["onie-machine"] == "accton_as4610_54"


def test_a_switch_of_another_serial_gets_nothing(http, events):
    for path in ("installer", "script", "section/ports"):
        assert http.get(f"/r1-sw1/{path}", headers={"CUMULUS-SERIAL": "OTHER"}).status_code == 403
    (foreign,) = events("ztp.foreign")
    assert "serial OTHER asks as r1-sw1, and the inventory expects TW68HF500N" in foreign.says
    assert not events("ztp.fetch")


NOT_THERE = ("r1-sw3/script", "r1-sw2/installer", "r9/script", "r1-sw1/section/absent", "r9/ztp.json")


@pytest.mark.parametrize("path", NOT_THERE)
def test_what_is_not_declared_is_not_there(http, path):
    assert http.get(f"/{path}").status_code == 404


def test_a_section_whose_file_is_missing_says_which(http, files, events):
    (files / "interfaces").unlink()
    answer = http.get("/r1-sw1/script")
    assert (answer.status_code, "interfaces" in answer.text) == (503, True)
    assert "cannot be read" in events("ztp.lacking")[0].says


def test_sonic_gets_its_sections_in_order_each_to_be_tried_again(http):
    told = http.get("/r1-sw2/ztp.json", headers={"SERIAL-NUMBER": "S2", "User-Agent": "SONiC-ZTP/0.1"}).json()["ztp"]
    names = sorted(key for key in told if key[0].isdigit())
    assert names == ["001-keys", "002-ports"]
    assert told["restart-ztp-on-failure"] is True
    for name in names:
        plugin = httpx.get(told[name]["plugin"]["url"]["source"]).text
        assert plugin.startswith("#!/bin/sh\n")
        assert f"exit {told[name]['suspend-exit-code']}\n" in plugin


def test_a_sonic_section_that_fails_suspends_and_says_so(http, files, events, tmp_path):
    """Its plug-in as a real shell runs it: the script fails at first, then it is mended."""
    (files / "keys.sh").write_text("echo no room >&2; exit 3\n")
    told = http.get("/r1-sw2/ztp.json").json()["ztp"]["001-keys"]
    source = told["plugin"]["url"]["source"]
    first = subprocess.run(["sh", "-c", httpx.get(source).text], check=False, capture_output=True)
    assert first.returncode == told["suspend-exit-code"]
    (failed,) = events("ztp.failed")
    assert failed.says == "r1-sw2: section keys failed (exit 3: no room )"
    (files / "keys.sh").write_text("exit 0\n")
    assert subprocess.run(["sh", "-c", httpx.get(source).text], check=False, capture_output=True).returncode == 0
    assert [one.data["section"] for one in events("ztp.done")] == ["keys"]


def test_progress_with_another_token_is_refused(http, events):
    told = {"section": "keys", "state": "done", "exit": 0}
    assert http.post("/r1-sw1/progress/guess", json=told).status_code == 404
    assert [one.node for one in events("ztp.refused")] == ["r1-sw1"]
    assert not events("ztp.done")


NOT_PROGRESS = (b"{", b'{"section":"a","state":"odd","exit":0}', b'{"section":"\\u0007","state":"done","exit":0}')


@pytest.mark.parametrize("body", NOT_PROGRESS)
def test_progress_that_is_not_understood_is_an_error_and_no_event(http, events, body):
    assert http.post("/r1-sw1/progress/any", content=body).status_code == 400
    assert http.post("/r1-sw1/progress/any", content=b" " * 5000).status_code == 413
    assert not events("ztp.done")


class Nos:
    """A Linux NOS as far as a first boot sees it: its own /etc/network and /var/lib/anneal in a mount namespace, a
    serial number, and an `ifreload` that notes what it was given."""

    def __init__(self, room):
        self.network, self.kept, self.programs = (room / one for one in ("network", "kept", "programs"))
        for directory in (self.network, self.kept, self.programs):
            directory.mkdir()
        (self.network / "interfaces").write_text("auto eth0\n")
        self.put("decode-syseeprom", f"echo {SERIAL}")
        self.put("ifreload", f"cat /etc/network/interfaces >>{room}/reloaded")
        self.put("sleep", "exit 0")
        self.reloaded = room / "reloaded"

    def put(self, name, body):
        program = self.programs / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)

    def boot(self, script):
        mounts = f"mkdir -p /etc/network /var/lib/anneal; mount --bind {self.network} /etc/network;"
        mounts += f" mount --bind {self.kept} /var/lib/anneal; exec sh -s"
        path = f"{self.programs}:{os.environ['PATH']}"
        argv = [UNSHARE, "-m", "sh", "-c", mounts]
        return subprocess.run(argv, check=False, input=script, text=True, env={"PATH": path}).returncode


@pytest.fixture
def nos(tmp_path):
    if os.geteuid() != 0 or UNSHARE is None or shutil.which("curl") is None:
        pytest.skip("needs root, util-linux and curl")
    room = tmp_path / "nos"
    room.mkdir()
    return Nos(room)


def test_a_linux_nos_does_each_section_once_and_tells_how_it_went(http, nos, events):
    assert nos.boot(http.get("/r1-sw1/script").text) == 0
    assert nos.boot(http.get("/r1-sw1/script").text) == 0
    assert (nos.kept / "keys").read_text() == "keys\n"
    assert nos.reloaded.read_text() == (nos.network / "interfaces").read_text() == "auto swp1\niface swp1\n"
    done = [one.data["section"] for one in events("ztp.done")]
    assert done == ["keys", "ports", None, None]
    assert {one.data["serial"] for one in events("ztp.done")} == {SERIAL}
    sections = [one.data["what"] for one in events("ztp.fetch") if "section" in one.data["what"]]
    assert sections == ["section keys", "section ports"]


def test_a_section_that_fails_is_tried_again_and_the_rest_waits_for_it(http, nos, files, events):
    (files / "keys.sh").write_text("echo x >>/var/lib/anneal/tries; [ $(wc -l </var/lib/anneal/tries) -ge 3 ]\n")
    assert nos.boot(http.get("/r1-sw1/script").text) == 0
    ends = [(one.kind, one.data["section"]) for one in events("ztp.failed", "ztp.done")]
    failed = ("ztp.failed", "keys")
    assert ends == [failed, failed, ("ztp.done", "keys"), ("ztp.done", "ports"), ("ztp.done", None)]


def test_a_configuration_that_the_switch_refuses_is_taken_back(http, nos, events):
    nos.put("ifreload", "! grep -q swp1 /etc/network/interfaces")
    assert nos.boot(http.get("/r1-sw1/script").text) == 1
    assert (nos.network / "interfaces").read_text() == "auto eth0\n"
    assert {one.data["section"] for one in events("ztp.failed")} == {"ports"}
    assert (nos.kept / "first-boot" / "keys").exists()
    assert not (nos.kept / "first-boot" / "ports").exists()
