"""Mutation testing of what decides: ``make mutants`` changes the rules one by one and sees that a test notices."""
