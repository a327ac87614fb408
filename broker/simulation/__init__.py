"""A population of subscribers, operators, agents and attackers over time, to see what a policy does before it does it.

Pure but for the random numbers, which are handed in; the same seed gives the same world on every machine. Every figure
that comes out holds in this world, with its assumptions, and nowhere else.
"""
