# pyright: basic, reportMissingTypeStubs=false
"""The program that DSPy improves. Some of its optimizers show its source to the model: keep it as it is, or
runs that were begun before can't be resumed.
"""

import dspy


class Program(dspy.Module):
    def __init__(self, signature):
        super().__init__()
        self.predict = dspy.Predict(signature)

    def forward(self, **inputs):
        return self.predict(**inputs)
