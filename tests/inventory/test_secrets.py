"""Secrets are references: found late, told when missing, and never shown."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inventory.errors import SecretMissing
from inventory.load import load, missing_secrets
from inventory.secrets import Login, Secret, SecretRef, Vaults

CANARY = "hunter2-canary"
ANSIBLE_VAULT = Path(sys.executable).parent / "ansible-vault"


@pytest.fixture
def vaults(tmp_path):
    return Vaults(tmp_path)


@pytest.fixture
def vault(tmp_path, monkeypatch):
    """`secrets.yaml`, encrypted by ansible-vault itself, and its password in the environment."""
    password = tmp_path / "vault-password"
    password.write_text("open sesame\n")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(password))
    secrets = tmp_path / "secrets.yaml"
    secrets.write_text(f"bmc: {CANARY}\nnumber: 5\n")
    subprocess.run(
        [ANSIBLE_VAULT, "encrypt", secrets], check=True, capture_output=True, env={**os.environ, "HOME": str(tmp_path)}
    )
    assert secrets.read_text().startswith("$ANSIBLE_VAULT;")
    return secrets


def test_a_secret_is_read_from_the_environment_when_it_is_asked_for(vaults, monkeypatch):
    monkeypatch.setenv("LAB_BMC", CANARY)
    assert vaults.resolve(SecretRef.parse("env:LAB_BMC")) == Secret(CANARY)


def test_a_secret_file_starts_at_the_sites_directory_and_loses_its_last_newline(vaults, tmp_path):
    (tmp_path / "bmc").write_text(f" {CANARY} \n")
    assert vaults.resolve(SecretRef.parse("file:bmc")).reveal() == f" {CANARY} "
    assert vaults.resolve(SecretRef.parse(f"file:{tmp_path}/bmc")).reveal() == f" {CANARY} "


def test_a_secret_is_read_from_an_ansible_vault(vaults, vault):
    assert vaults.resolve(SecretRef.parse("vault:secrets.yaml#bmc")).reveal() == CANARY


@pytest.mark.parametrize(
    ("reference", "what"),
    [
        ("env:NOT_SET_ANYWHERE", "the environment has no NOT_SET_ANYWHERE"),
        ("env:SET_TO_NOTHING", "the environment has no SET_TO_NOTHING"),
        ("file:nowhere", "No such file"),
        ("file:empty", "the file is empty"),
        ("file:binary", "the file is not text"),
        ("vault:secrets.yaml#nope", "there is no such text"),
        ("vault:secrets.yaml#number", "there is no such text"),
        ("vault:nowhere.yaml#bmc", "No such file"),
        ("vault:plain.yaml#bmc", "cannot be decrypted"),
    ],
)
def test_a_reference_to_nothing_names_itself_and_what_to_do(vaults, vault, tmp_path, monkeypatch, reference, what):
    monkeypatch.setenv("SET_TO_NOTHING", "")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe" + CANARY.encode())
    (tmp_path / "plain.yaml").write_text(f"bmc: {CANARY}\n")
    with pytest.raises(SecretMissing) as raised:
        vaults.resolve(SecretRef.parse(reference))
    assert what in raised.value.what
    assert reference.partition("#")[0].partition(":")[2] in str(raised.value)
    assert raised.value.remedy
    assert CANARY not in f"{raised.value!r}{raised.value}{raised.value.__cause__!r}"


def test_a_vault_with_another_password_is_not_opened(vaults, vault, tmp_path):
    (tmp_path / "vault-password").write_text("open barley\n")
    with pytest.raises(SecretMissing, match="cannot be decrypted"):
        vaults.resolve(SecretRef.parse("vault:secrets.yaml#bmc"))


def test_a_vault_without_a_password_says_which_variable_to_set(vaults, vault, monkeypatch):
    monkeypatch.delenv("ANSIBLE_VAULT_PASSWORD_FILE")
    with pytest.raises(SecretMissing, match="export ANSIBLE_VAULT_PASSWORD_FILE=FILE"):
        vaults.resolve(SecretRef.parse("vault:secrets.yaml#bmc"))


def test_a_secret_shows_in_no_rendering():
    login = Login("root", Secret(CANARY))
    assert CANARY not in f"{login} {login!r} {login.password!s} {vars(login)} {[login.password]}"


@pytest.mark.parametrize(
    "spelled",
    [
        f'"{CANARY}"',
        f"*{CANARY}",
        f"@{CANARY}",
        f"%{CANARY}",
        f"!{CANARY} x",
        f"[{CANARY}]",
        f"{{{CANARY}: 1}}",
        f'"env{CANARY}',
        f"vault:{CANARY}",
        f"plain:{CANARY}",
        f"{CANARY}: {CANARY}",
    ],
)
def test_a_password_written_out_is_refused_without_repeating_it(write, spoil, faults, spelled):
    found = faults(write({"site.yaml": spoil('password: "env:LAB_BMC"', f"password: {spelled}")}))
    assert {problem.place.line for problem in found} >= {6}
    assert CANARY not in "".join(str(problem) for problem in found)


@pytest.mark.parametrize("address", [f"https://root:{CANARY}@10.9.0.2", f"root:{CANARY}@10.9.0.2/x"])
def test_a_password_in_a_bmc_address_is_not_repeated(write, spoil, faults, address):
    found = faults(write({"site.yaml": spoil("{address: 10.9.0.2}", f'{{address: "{address}"}}')}))
    assert len(found) == 1
    assert CANARY not in str(found[0])


def test_missing_secrets_are_told_once_where_the_reference_stands(write, spoil, monkeypatch):
    directory = write({"site.yaml": spoil("{address: 10.9.0.2}", '{address: 10.9.0.2, password: "file:own"}')})
    monkeypatch.delenv("LAB_BMC", raising=False)
    told = missing_secrets(load(directory), Vaults(directory))
    assert [(problem.place.line, problem.says.partition(":")[0]) for problem in told] == [
        (6, "secret env"),
        (46, "secret file"),
    ]
    monkeypatch.setenv("LAB_BMC", CANARY)
    (directory / "own").write_text(CANARY)
    assert missing_secrets(load(directory), Vaults(directory)) == ()
