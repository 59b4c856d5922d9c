"""A storage node over SSH: logical volumes on its declared disks, each of them an iSCSI target of tgt."""
