"""Tables with one observation per row."""
