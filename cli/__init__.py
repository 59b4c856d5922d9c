"""The `anneal` command."""
