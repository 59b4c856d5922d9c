"""One run of Ansible: the process that does it, what it tells, and what it may leave behind."""
