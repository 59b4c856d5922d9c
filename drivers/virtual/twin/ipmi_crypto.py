"""Keys, hashes and the cipher of RMCP+ sessions.

Source: IPMI v2.0 rev 1.1 sections 13.28 (authentication, integrity), 13.29 (AES-CBC-128), 13.31 to 13.33 (RAKP, keys),
22.15.2 (cipher suite ids).
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

AES_CBC_128 = 1
KEY_BYTES = 20  # of a password, and of the constants that K1 and K2 are made from
BLOCK = 16


@dataclass(frozen=True)
class Suite:
    """A cipher suite: numbers of its three algorithms, the hash, and how much of a hash is sent."""

    id: int
    authentication: int
    integrity: int
    digest: Callable[[], "hashlib._Hash"]
    sent: int


# Best first, as Get Channel Cipher Suites lists them.
SUITES: Mapping[int, Suite] = MappingProxyType(
    {17: Suite(17, 3, 4, hashlib.sha256, 16), 3: Suite(3, 1, 1, hashlib.sha1, 12)}
)


def chosen(authentication: int, integrity: int, confidentiality: int) -> Suite | None:
    """The suite of three proposed algorithms; None where no suite has them."""
    if confidentiality != AES_CBC_128:
        return None
    wanted = (authentication, integrity)
    return next((suite for suite in SUITES.values() if (suite.authentication, suite.integrity) == wanted), None)


def mac(suite: Suite, key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, suite.digest).digest()


@dataclass(frozen=True)
class Keys:
    """What both ends of a session have computed: SIK, K1 for integrity, AES' key out of K2."""

    session: bytes
    integrity: bytes
    cipher: bytes

    @classmethod
    def derive(cls, suite: Suite, password: bytes, exchanged: bytes) -> "Keys":
        """`exchanged`: both random numbers, the role, and the name with its length (13.31). There is no other K_G."""
        session = mac(suite, password, exchanged)
        integrity = mac(suite, session, b"\x01" * KEY_BYTES)
        return cls(session, integrity, mac(suite, session, b"\x02" * KEY_BYTES)[:BLOCK])


def encrypt(key: bytes, plain: bytes) -> bytes:
    """With its own initialization vector in front."""
    pad = -(len(plain) + 1) % BLOCK
    padded = plain + bytes(range(1, pad + 1)) + bytes([pad])
    vector = secrets.token_bytes(BLOCK)
    encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    return vector + encryptor.update(padded) + encryptor.finalize()


def decrypt(key: bytes, sealed: bytes) -> bytes | None:
    """None where it is not what `encrypt` makes."""
    if len(sealed) < 2 * BLOCK or len(sealed) % BLOCK:
        return None
    decryptor = Cipher(algorithms.AES(key), modes.CBC(sealed[:BLOCK])).decryptor()
    padded = decryptor.update(sealed[BLOCK:]) + decryptor.finalize()
    pad = padded[-1]
    if pad >= BLOCK or padded[-1 - pad : -1] != bytes(range(1, pad + 1)):
        return None
    return padded[: -1 - pad]
