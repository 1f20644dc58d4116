"""The actions, room by room; ``promptopt_tui.actions`` puts them together."""
