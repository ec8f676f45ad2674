"""What `make docs` makes besides the pages in docs/: API, cards, notebooks, formulas, links."""
