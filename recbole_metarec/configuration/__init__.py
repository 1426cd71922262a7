"""Settings of a run: their layers merged, every one checked, without RecBole: it takes seconds to import."""
