def every(minutes):
    return f"*/{minutes} * * * *"
