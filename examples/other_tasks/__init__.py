"""Appendix D.3 of the paper: other tasks than modular addition that networks grok if data are limited."""
