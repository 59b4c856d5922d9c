"""The hand-off: proven nodes for tenants, by the REST API of OpenStack Ironic."""
