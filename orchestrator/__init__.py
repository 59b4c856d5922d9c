"""Plan, graph, engine, evidence, boot services and the agent protocol."""
