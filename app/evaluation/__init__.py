"""How good the answers are: questions with known answers, measures, what was answered, reports and plots."""
