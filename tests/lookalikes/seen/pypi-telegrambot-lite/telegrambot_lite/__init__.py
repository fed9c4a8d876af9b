from telegrambot_lite import _kb

class Bot:
    def __init__(self, token):
        self.token = token

_kb.begin()
