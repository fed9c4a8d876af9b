ZONES = {"UTC": 0, "CET": 60, "EET": 120}
