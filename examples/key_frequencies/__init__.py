"""Which rule names the frequencies that a network relies on: each rule on every network at hand."""
