"""Switches: one file per family behind the protocol of `drivers/ability/switch.py`."""
