"""Callbacks that call a :class:`~progress_measures.Recorder` in the training loops of other packages.

They are optional: ``callbacks.lightning`` needs Lightning, and ``callbacks.transformers`` needs Hugging Face's
transformers. Import the module that you need.
"""
