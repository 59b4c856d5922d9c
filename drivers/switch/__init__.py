"""Switches, a family each: what they tell, and how their ports are changed."""
