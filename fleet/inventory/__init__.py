"""What a cloud holds of a stack beyond what the state says: found again, taken over, or deleted."""
