"""Time series, sound, text, synthetic sequences."""
