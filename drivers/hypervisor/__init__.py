"""A machine that runs guests: libvirt and QEMU, asked by virsh over SSH."""
