require 'fastblank/fastblank'
