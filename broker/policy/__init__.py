"""Pure rules: what to ask (plan), how to weigh it (score), what to do (decide), and why (reasons).

Nothing here reads a clock, a file, the network or a random source: instants and texts are arguments. Words of the room:

* a *scenario table* (:mod:`evidence_table`) says what legitimate life and each attack do to each signal; all weights
  follow from it;
* a *policy document* (:mod:`document`) says how sensitive each action is, what must be known, and what mistakes cost;
* a *policy book* (:mod:`book`) is all documents of a deployment, checked against their own worked examples.
"""
