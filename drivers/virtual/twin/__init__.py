"""The twin: simulated BMCs, cables and servers behind their real protocols, in one thread and without root."""
