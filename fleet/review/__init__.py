"""What a change would do, told where it is proposed: the stacks that it touches, their plans, and their drift.

The workflows call `fleet review …` and `fleet drift`, and hold no logic of their own.
"""
