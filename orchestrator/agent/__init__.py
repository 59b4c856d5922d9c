"""The server half of the ironic-python-agent protocol (IPA 13.0.0), and the client of the agent's own API."""
