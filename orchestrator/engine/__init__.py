"""The engine: node roles observed, brought about and proven, through waits, retries, gates and crashes."""
