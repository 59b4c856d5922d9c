"""Role manifests, one folder each; data, not code."""
