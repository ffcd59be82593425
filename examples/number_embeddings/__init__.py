"""Structure in the embeddings of a language model that nobody here trained: numbers, weekdays, months, a head."""
