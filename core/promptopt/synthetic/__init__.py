"""Tasks and cases that a model drafts and a person confirms: nothing of it counts before that."""
