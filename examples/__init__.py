"""Runnable examples of ``progress_measures``; the library never imports them."""
