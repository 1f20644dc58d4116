"""The business case: measured figures and stated assumptions, and the ranges that follow from both."""
