"""The switches of a twin that are driven: each family's own language over one core of state."""
