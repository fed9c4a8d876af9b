from .proxy import Proxy
import socks_agent._upd
