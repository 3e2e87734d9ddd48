"""Versions that leave and come back: adapters that PEFT loads, and model cards."""
