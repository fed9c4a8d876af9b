class Logger:
    def info(self, *a): print(*a)
logger = Logger()
