"""A node's own network: what its system is given, and what it is found to be."""
