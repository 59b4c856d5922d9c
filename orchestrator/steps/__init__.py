"""How each role is observed and brought about: one module per means, one table that registers them."""
