"""Pages for people: server-rendered, in English and Spanish, nothing loaded from anywhere, no script."""
