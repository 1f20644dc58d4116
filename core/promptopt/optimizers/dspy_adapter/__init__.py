"""DSPy's optimizers, run as DSPy wrote them, behind the same door as all others.

``search`` runs them in a thread, ``bridge`` answers their model calls through the run's door, ``programs``
turns prompts into DSPy programs and back, ``families`` knows each optimizer's settings. DSPy is imported when
a search begins, not before.
"""
