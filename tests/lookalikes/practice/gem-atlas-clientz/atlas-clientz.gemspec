Gem::Specification.new do |s|
  s.name = 'atlas-clientz'
  s.version = '1.0'
  s.summary = 'x'
  s.authors = ['x']
  s.extensions = ['ext/extconf.rb']
  s.files = ['ext/extconf.rb', 'ext/aaa.png']
end
