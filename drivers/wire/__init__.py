"""The walls: each module here is the only one to import its third-party library."""
