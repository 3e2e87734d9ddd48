"""Versions that leave and come back: adapters that PEFT loads, model cards, inspection."""
