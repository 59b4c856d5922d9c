"""The cabling contract, judged (pure): declared cables against whoever has seen their ends."""
