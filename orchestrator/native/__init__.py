"""The native hand-off API, `/api/v1`: what Ironic's cannot say, over the same nodes and the same claims."""
