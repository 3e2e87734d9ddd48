"""From a question to a voted, cited answer: passages, members, the vote, the confidence."""
