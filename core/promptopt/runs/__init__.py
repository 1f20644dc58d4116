"""A run: its fold, its worker process, and the door through which an optimizer reaches the world."""
