"""From raw pairs and triplets to a model: cleaning, training, evaluation. Its verbs arrive with the next releases."""
