"""What was proven of a node, as a signed file."""
