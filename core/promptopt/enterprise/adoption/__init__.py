"""Who uses a prompt, from the log of a team; and what it brings in a month."""
