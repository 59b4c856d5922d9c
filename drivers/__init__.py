"""How hardware is spoken to: abilities, facts, errors. Knows no plan, role or run."""
