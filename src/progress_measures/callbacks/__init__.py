"""A :class:`~progress_measures.Recorder` in the training loops of other packages: an optional leaf.

``callbacks.lightning`` needs Lightning, ``callbacks.transformers`` Hugging Face's transformers; each is imported by
itself.
"""
