"""Optimizers made of other optimizers: one after the other, side by side, in turn, or chosen as it goes."""
