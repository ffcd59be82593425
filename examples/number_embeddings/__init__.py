"""Structure in a pretrained language model: the embeddings of numbers, weekdays and months, and attention heads."""
