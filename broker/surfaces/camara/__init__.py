"""The CAMARA facade: a client written for an operator's network APIs calls the broker as if it were the operator."""
