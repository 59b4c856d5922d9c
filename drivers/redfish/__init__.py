"""Redfish over HTTPS: one tolerant reading of whatever tree a BMC has, and writes that are read back."""
