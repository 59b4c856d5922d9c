"""The boot script's language: what a script comes to, and what it may not do."""

import asyncio

import pytest

from drivers.virtual.twin.ipxe import Ipxe, Kernel, LocalBoot, PowerDown, ScriptFault, Stopped

SETTINGS = {"net0/mac": "52:54:00:01:01:00", "ip": "127.0.0.9", "platform": "efi"}


class Files:
    """The network: scripts by URL; every image loads but those under /broken."""

    def __init__(self, scripts):
        self.scripts = scripts
        self.images = []

    async def script(self, url):
        if url not in self.scripts:
            raise ScriptFault(f"{url}: HTTP 404")
        return self.scripts[url]

    async def image(self, url):
        self.images.append(url)
        if "/broken" in url:
            raise ScriptFault(f"{url}: HTTP 500")


def run(*lines, **others):
    files = Files({"http://a/boot/x": "#!ipxe\n" + "\n".join(lines), **others})
    pauses = []

    async def pause(seconds):
        pauses.append(seconds)

    return asyncio.run(Ipxe(SETTINGS, files, pause).run("http://a/boot/x")), files, pauses


def test_kernel_and_initrds_are_loaded_in_order_and_named_by_full_urls():
    outcome, files, _ = run(
        "# a comment",
        "set base /files",
        "kernel --name kernel ${base}/vmlinuz BOOTIF=01-${net0/mac:hexhyp} a=${ip} initrd=b",
        "initrd --name b http://b/one",
        "initrd two",
        "boot",
    )
    assert outcome == Kernel(
        "http://a/files/vmlinuz",
        "BOOTIF=01-52-54-00-01-01-00 a=127.0.0.9 initrd=b",
        ("http://b/one", "http://a/boot/two"),
    )
    assert files.images == ["http://a/files/vmlinuz", "http://b/one", "http://a/boot/two"]


def test_imgargs_replaces_the_command_line():
    outcome, *_ = run("kernel k first", "imgargs k second third", "boot")
    assert outcome.cmdline == "second third"


@pytest.mark.parametrize(
    ("lines", "outcome"),
    [
        (["exit"], LocalBoot()),
        (["sanboot --no-describe --drive 0x80 || exit"], LocalBoot()),
        (["poweroff"], PowerDown(again=False)),
        (["reboot"], PowerDown(again=True)),
        (["iseq ${platform} pcbios && exit || reboot"], PowerDown(again=True)),
        (["iseq ${platform} efi && exit || reboot"], LocalBoot()),
        (["isset ${nothing} || goto end", "reboot", ":end", "exit"], LocalBoot()),
        (["kernel /broken || goto bad", "boot", ":bad", "exit 1"], LocalBoot()),
        (["kernel /broken", "exit"], Stopped("http://a/broken: HTTP 500")),
        (["boot"], Stopped("boot: no kernel was loaded")),
        (["format-disk"], Stopped("format-disk: command not found")),
        (["goto nowhere"], Stopped("goto: no label nowhere")),
        (["echo done"], Stopped("the script ended without booting anything")),
        ([":again", "goto again"], Stopped("more than 1000 steps; the script loops")),
    ],
)
def test_a_script_comes_to(lines, outcome):
    assert run(*lines)[0] == outcome


def test_chain_runs_another_script_whose_paths_are_its_own():
    other = {"http://b/s/boot.ipxe": "#!ipxe\nkernel vmlinuz\nboot\n"}
    outcome, *_ = run("chain --replace --autofree http://b/s/boot.ipxe || exit", **other)
    assert outcome.url == "http://b/s/vmlinuz"
    assert run("chain http://b/none || exit")[0] == LocalBoot()
    assert run("chain x")[0] == Stopped("chain: more than 8 scripts deep")


def test_sleep_waits_for_so_long():
    assert run("sleep 5", "exit")[2] == [5.0]


def test_what_is_no_script_is_not_run():
    files = Files({"http://a/boot/x": "<html>"})

    async def pause(_):
        raise AssertionError

    assert asyncio.run(Ipxe(SETTINGS, files, pause).run("http://a/boot/x")).says.startswith("not an iPXE script")
