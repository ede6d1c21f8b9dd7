"""What was asked, found, generated and spent, conversation by conversation: recorded, kept, found again, exported."""
