"""Tokens that are used once: 256 random bits, kept by us only as a digest."""

import hashlib
import secrets


def mint() -> str:
    """43 characters that may stand in a URL."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
