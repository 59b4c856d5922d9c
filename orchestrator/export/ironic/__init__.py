"""Proven nodes, enrolled in a running Ironic and adopted there: what they are to be, what has to change, the doing."""
