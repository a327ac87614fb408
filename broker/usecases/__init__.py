"""The verbs. Every surface calls these and nothing else.

Here lies the trust check, hop by hop; the verbs of every other room are in a folder of that room's name.
"""
