"""A trained model in use: from raw ids to recommendations, without its data and without RecBole."""
