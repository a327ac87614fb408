"""Purposes, legal bases, and the gate that a plan must pass."""
