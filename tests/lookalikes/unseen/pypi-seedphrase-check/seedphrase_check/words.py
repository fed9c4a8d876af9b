WORDS = ["abandon", "ability", "able", "about", "above", "absent", "absorb"]
