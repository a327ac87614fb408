"""TypeScript: types made from the published contract, and the worked example beside it."""
