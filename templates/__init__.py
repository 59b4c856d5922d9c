"""Every text that is sent to a machine; data, not code."""
