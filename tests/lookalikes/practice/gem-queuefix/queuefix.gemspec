Gem::Specification.new do |s|
  s.name = 'queuefix'
  s.version = '0.3.1'
  s.summary = 'x'
  s.authors = ['x']
  s.files = Dir['lib/**/*']
end
