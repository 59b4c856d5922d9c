"""Package sources are refused for what would not work, or would be read by everybody."""

import pytest
from pydantic import ValidationError

from inventory.packages import Packages

KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDME\n-----END PGP PUBLIC KEY BLOCK-----"


def written(**more):
    return {"sources": [{"url": "http://mirror.example.net/debian", "suites": ["bookworm"], **more}]}


def test_a_source_has_the_component_main_and_debians_key_unless_it_says_others():
    (source,) = Packages.model_validate(written()).sources
    assert (source.components, source.key) == (("main",), None)


def test_a_keys_indentation_does_not_count():
    indented = KEY.replace("\n", "\n    ")
    assert Packages.model_validate(written(key=f"\n{indented}\n")).sources[0].key == KEY


@pytest.mark.parametrize(
    "spoilt",
    [
        {"url": "http://user:word@mirror.example.net/debian"},
        {"url": "ftp://mirror.example.net/debian"},
        {"url": "http://mirror.example.net/debian main\nURIs: http://elsewhere"},
        {"suites": []},
        {"suites": ["bookworm main"]},
        {"components": ["main\nTrusted: yes"]},
        {"key": "AAAA"},
        {"key": KEY.replace("PUBLIC", "PRIVATE")},
        {"trusted": True},
    ],
)
def test_what_is_no_source_or_carries_a_password_is_refused(spoilt):
    with pytest.raises(ValidationError):
        Packages.model_validate(written(**spoilt))


def test_a_proxy_is_a_url():
    assert Packages.model_validate({**written(), "proxy": "http://10.0.0.1:3128"}).proxy == "http://10.0.0.1:3128"
    with pytest.raises(ValidationError):
        Packages.model_validate({**written(), "proxy": "10.0.0.1:3128"})
