version = "0.3"
