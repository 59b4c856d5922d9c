"""What hardware can be asked for: one small protocol per ability, with the values that it speaks in."""
