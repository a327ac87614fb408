"""Guards against operators that misbehave: wrappers that have the Adapter interface and hold another adapter."""
