"""What happened, told to those who want to hear of it: composed, signed, sent, and tried again."""
