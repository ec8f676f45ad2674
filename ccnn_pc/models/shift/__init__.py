"""Dataset shift: what a model was trained on, whether new data lie outside of it, and how many answers may be right."""
