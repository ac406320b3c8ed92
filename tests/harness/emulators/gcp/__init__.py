"""The Google Cloud emulator: the REST APIs that a stack uses, and the programs behind them."""
