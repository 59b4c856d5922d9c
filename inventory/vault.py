"""Files encrypted by ansible-vault. The only import of ansible's vault; half a second, so import it late."""

import os
from pathlib import Path

import yaml
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, get_file_vault_secret

from inventory.errors import SecretMissing

_PASSWORD_FILE = "ANSIBLE_VAULT_PASSWORD_FILE"  # noqa: S105  a variable's name


def read_vault(path: Path, key: str) -> str:
    """The text under a top-level key of an encrypted YAML file. `SecretMissing` names file and key, never content."""
    subject = f"secret vault:{path}#{key}"
    password_file = os.environ.get(_PASSWORD_FILE)
    if not password_file:
        raise SecretMissing(f"{subject}: the vault's password is not known", f"export {_PASSWORD_FILE}=FILE")
    try:
        opener = get_file_vault_secret(filename=password_file, loader=DataLoader())
        opener.load()
        clear = VaultLib([("default", opener)]).decrypt(path.read_bytes())
    except OSError as error:
        raise SecretMissing(f"{subject}: {error.strerror}", f"look at {path} and {password_file}") from error
    except AnsibleError:
        # ansible's text may quote what it read.
        remedy = f"try ansible-vault view {path} with the password in {password_file}"
        raise SecretMissing(f"{subject}: the file cannot be decrypted", remedy) from None
    return _value(subject, clear, key)


def _value(subject: str, clear: bytes, key: str) -> str:
    try:
        content = yaml.safe_load(clear)
    except yaml.YAMLError:
        raise SecretMissing(f"{subject}: the file holds no YAML", "write it as key: value, then encrypt it") from None
    value = content.get(key) if isinstance(content, dict) else None
    if not isinstance(value, str) or not value:
        raise SecretMissing(f"{subject}: there is no such text", f"ansible-vault edit the file and add {key}: ...")
    return value
