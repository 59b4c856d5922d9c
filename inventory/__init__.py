"""What is wanted: frozen models and the YAML of a site. Opens no socket."""
