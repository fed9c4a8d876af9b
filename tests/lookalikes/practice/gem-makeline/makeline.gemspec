Gem::Specification.new do |s|
  s.name = 'makeline'
  s.version = '0.1.3'
  s.summary = 'fast lines'
  s.authors = ['m']
  s.extensions = ['ext/makeline/extconf.rb']
  s.files = ['ext/makeline/extconf.rb']
end
