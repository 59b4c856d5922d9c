"""What an agent is told at its start: words of the kernel command line, and files under etc/ironic-python-agent.d.

Source: ipa-protocol section 4.
"""

import configparser
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

_CONF = "etc/ironic-python-agent.d/"


@dataclass(frozen=True)
class Parameters:
    """`ca` is the PEM text that `cafile` names; None: the system's CAs, unless `insecure`."""

    api_urls: tuple[str, ...]
    inspection_url: str | None
    collectors: tuple[str, ...]
    bootif: str | None
    request_id: str | None
    token: str | None
    ca: str | None
    insecure: bool
    curve: str
    port: int
    lookup_timeout: timedelta
    lookup_interval: timedelta
    download_retries: int
    download_interval: timedelta


def read(cmdline: str, files: Mapping[str, bytes]) -> Parameters:
    """`ValueError` where a file or a number cannot be read; the agent would not start either."""
    words = {key: value for key, equals, value in (word.partition("=") for word in cmdline.split()) if equals}
    ipa = {key.removeprefix("ipa-").replace("-", "_"): value for key, value in words.items() if key.startswith("ipa-")}
    told = {**ipa, **_configured(files)}
    api_urls = tuple(url.rstrip("/") for url in told.get("api_url", "").split(",") if url)
    collectors = tuple(name.strip() for name in told.get("inspection_collectors", "").split(",") if name.strip())
    callback = told.get("inspection_callback_url")
    if callback is None and collectors and api_urls:
        callback = f"{api_urls[0]}/v1/continue_inspection"
    return Parameters(
        api_urls=api_urls,
        inspection_url=callback,
        collectors=collectors or ("default",),
        bootif=words.get("BOOTIF"),
        request_id=told.get("global_request_id"),
        token=told.get("agent_token"),
        ca=_file(files, told["cafile"]) if "cafile" in told else None,
        insecure=told.get("insecure", "").lower() in ("1", "true", "yes"),
        curve=told.get("tls_certificate_curve", "p384"),
        port=int(told.get("listen_port", "9999")),
        lookup_timeout=timedelta(seconds=int(told.get("lookup_timeout", "600"))),
        lookup_interval=timedelta(seconds=int(told.get("lookup_interval", "1"))),
        download_retries=int(told.get("image_download_connection_retries", "9")),
        download_interval=timedelta(seconds=int(told.get("image_download_connection_retry_interval", "10"))),
    )


def _configured(files: Mapping[str, bytes]) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None, default_section="DEFAULT")
    for path in sorted(files):
        if path.startswith(_CONF) and path.endswith(".conf"):
            try:
                parser.read_string(files[path].decode())
            except (configparser.Error, UnicodeDecodeError) as error:
                raise ValueError(f"{path}: {error}") from error
    return {key.replace("-", "_"): value for key, value in parser.defaults().items()}


def _file(files: Mapping[str, bytes], path: str) -> str:
    content = files.get(path.lstrip("/"))
    if content is None:
        raise ValueError(f"cafile {path}: no such file in the ramdisk")
    return content.decode()
