"""A rack of QEMU machines with real firmware, switch and BMCs, in network namespaces of its own."""
