"""Review: queues, the review panel and adjudication."""
