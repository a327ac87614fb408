"""Everything that the author of an adapter may import: the interface, the manifest, CAMARA's APIs, OAuth, transport."""
