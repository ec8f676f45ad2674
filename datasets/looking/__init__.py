"""What a folder holds, and which experiment trains on it."""
