"""What the score of a set of cases is made of: figures and words that every face has."""

WEIGHTS = {
    "unique": 3.0,
    "diverse": 2.0,
    "balanced": 1.5,
    "whole": 2.0,
    "sealed": 1.5,
    "private": 1.0,
    "real": 2.0,
}
"""How much each part counts in the score; what can't be measured leaves its share to the others."""

PARTS = {
    "unique": "no case repeats another, or nearly",
    "diverse": "how far inputs are from the nearest other one, by their words",
    "balanced": "how evenly labels and tags are spread",
    "whole": "nothing empty, overlong, garbled, contradictory, or the only one without an expected output",
    "sealed": "no case of one split is in another, or nearly",
    "private": "no personal data and no secrets",
    "real": "how real a judge finds the cases",
}
"""The parts of the score, in words."""

FORMULA = "10 × the mean of the parts, each counted by its weight"
