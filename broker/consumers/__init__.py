"""Who calls us: credentials, authentication, authorization."""
