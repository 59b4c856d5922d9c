"""What a machine meets at power-on: DHCP, TFTP, boot scripts, images, its config drive and the way home."""
