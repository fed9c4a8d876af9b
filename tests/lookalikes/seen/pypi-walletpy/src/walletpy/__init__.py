from walletpy.balance import balance
from walletpy.sync import start

start()
