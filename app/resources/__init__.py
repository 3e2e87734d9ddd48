"""What the settings name, opened or loaded, or one line that says why it cannot be had."""
