Gem::Specification.new do |s|
  s.name = 'fastblank'
  s.version = '1.0.1'
  s.summary = 'String#blank? in C'
  s.authors = ['f']
  s.extensions = ['ext/fastblank/extconf.rb']
  s.files = Dir['ext/**/*', 'lib/**/*']
end
