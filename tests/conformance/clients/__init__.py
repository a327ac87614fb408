"""Packages of others that speak CAMARA, unmodified, against the facade."""
