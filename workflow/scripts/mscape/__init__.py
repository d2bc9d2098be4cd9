"""What two or more steps of the workflow share."""
