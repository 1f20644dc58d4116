"""Personal data and secrets in texts: found by patterns, checksums and context, without any model.

``find.find_pii`` is the door. Nothing here reads or writes anything, and nothing keeps what it found.
"""
