"""Forms that a person fills in: in a cell as widgets, elsewhere as questions, of one list of fields."""
