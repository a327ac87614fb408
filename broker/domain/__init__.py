"""The nouns of a trust check, as frozen structs. No I/O, no clock, no framework."""
