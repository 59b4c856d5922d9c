"""Ramdisks and operating systems: built from Debian packages, imported from others, kept by what made them."""
