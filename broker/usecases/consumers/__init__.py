"""Who calls: tenants, credentials, limits, budgets, the meter."""
