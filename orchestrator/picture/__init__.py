"""The graph of roles as a picture: levels as rows, one box for each role with the states of its nodes."""
