"""The proven baseline, handed to an installer that is not ours: the inventory or answer file that it wants."""
