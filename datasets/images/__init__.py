"""Images, also as sequences of their pixels."""
