from asynckeys._win import start

start()
