"""The pretend operator: an honest stand-in on the other side of the wire, in a process of its own."""
