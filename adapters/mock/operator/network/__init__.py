"""The network behind the APIs: subscribers, their timelines, and the arithmetic of circles."""
