"""Virtual hardware: the twin and the QEMU rack. Product code that nothing in orchestrator imports."""
