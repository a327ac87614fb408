"""The network outside checks: adapters, routes, the facade's questions, disclosures."""
