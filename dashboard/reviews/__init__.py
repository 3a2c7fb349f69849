"""What reviewers decided and what follows from it: pure functions of the history."""
