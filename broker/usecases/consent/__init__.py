"""What people agreed to, and that they took it back."""
