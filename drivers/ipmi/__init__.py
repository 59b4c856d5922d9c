"""IPMI over LAN: what a BMC without Redfish can be asked for, byte by byte."""
